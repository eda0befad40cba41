/// A host with or without a port, as an address has it: `localhost`, `127.0.0.1:6379`, `[::1]:6379`.
struct HostAndPort {
    /// A name or an address; an IPv6 address stands here without its brackets.
    let host: String
    let port: UInt16?

    /// The reason of a refusal holds no part of the text.
    init(parsing text: String) throws(MalformedValue) {
        let afterHost: String
        if let bracketed = ConfigurationText.dropping("[", from: text) {
            let (address, rest) = ConfigurationText.split(bracketed, atFirst: "]")
            guard let rest, address.utf8.contains(UInt8(ascii: ":")), address.utf8.allSatisfy(Self.isAddressByte) else {
                throw MalformedValue(note: "between [ and ] stands no IPv6 address")
            }
            (host, afterHost) = (address, rest)
        } else {
            let (name, port) = ConfigurationText.split(text, atFirst: ":")
            guard !name.isEmpty, name.utf8.allSatisfy(Self.isNameByte) else {
                throw MalformedValue(note: "the host is no name and no address (IPv6 stands in brackets)")
            }
            (host, afterHost) = (name, port.map { ":" + $0 } ?? "")
        }
        port = try Self.port(afterHost)
    }

    private static func port(_ text: String) throws(MalformedValue) -> UInt16? {
        if text.isEmpty { return nil }
        guard let port = ConfigurationText.dropping(":", from: text).flatMap({ ConfigurationText.port($0) }) else {
            throw MalformedValue(note: "the port is not a number from 1 to 65535")
        }
        return port
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"): true
        default: false
        }
    }

    /// Hexadecimal groups, a dotted tail, and a zone (`%eth0`), for Redis may well be on a link-local address.
    private static func isAddressByte(_ byte: UInt8) -> Bool {
        isNameByte(byte) || byte == UInt8(ascii: ":") || byte == UInt8(ascii: "%")
    }
}
