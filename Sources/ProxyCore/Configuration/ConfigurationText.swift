/// What the readers of configuration values share. All of it works on bytes: a combining character after a digit or a
/// separator must not hide it.
enum ConfigurationText {
    /// The digits that open `text`, and what follows them; nil without a digit, or when an `Int` cannot hold the number.
    /// (`Int.init` would also take a sign, which no value here may have.)
    static func leadingNumber(of text: some StringProtocol) -> (number: Int, rest: String)? {
        var number = 0
        var digits = 0
        for byte in text.utf8 {
            guard byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") else { break }
            let (tens, tooManyTens) = number.multipliedReportingOverflow(by: 10)
            let (sum, tooMuch) = tens.addingReportingOverflow(Int(byte - UInt8(ascii: "0")))
            guard !tooManyTens, !tooMuch else { return nil }
            number = sum
            digits += 1
        }
        return digits == 0 ? nil : (number, String(decoding: text.utf8.dropFirst(digits), as: UTF8.self))
    }

    /// The number, when `text` is nothing but digits.
    static func number(_ text: some StringProtocol) -> Int? {
        guard let (number, rest) = leadingNumber(of: text), rest.isEmpty else { return nil }
        return number
    }

    static func port(_ text: some StringProtocol) -> UInt16? {
        guard let port = number(text).flatMap(UInt16.init(exactly:)), port > 0 else { return nil }
        return port
    }

    /// An absolute path that a C string can carry.
    static func isAbsolutePath(_ text: String) -> Bool {
        text.utf8.first == UInt8(ascii: "/") && text.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F }
    }

    /// The folder that an absolute path is in; nil for another path.
    static func folder(of path: String) -> String? {
        guard isAbsolutePath(path), let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return nil }
        return String(decoding: path.utf8[..<slash], as: UTF8.self)
    }

    /// What follows `prefix`; nil when `text` does not begin with it.
    static func dropping(_ prefix: String, from text: String) -> String? {
        text.utf8.starts(with: prefix.utf8)
            ? String(decoding: text.utf8.dropFirst(prefix.utf8.count), as: UTF8.self) : nil
    }

    /// What stands before and after the first `separator`; no second part without one.
    static func split(_ text: String, atFirst separator: Unicode.Scalar) -> (String, String?) {
        guard let index = text.utf8.firstIndex(of: UInt8(ascii: separator)) else { return (text, nil) }
        let rest = text.utf8[index...].dropFirst()
        return (String(decoding: text.utf8[..<index], as: UTF8.self), String(decoding: rest, as: UTF8.self))
    }

    /// The items of a comma list, blanks around them dropped.
    static func items(_ text: String) -> [String] {
        text.utf8.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false).map { trimmed($0) }
    }

    /// `bytes` as text, without the ASCII blanks around it.
    static func trimmed(_ bytes: some BidirectionalCollection<UInt8>) -> String {
        let isBlank: (UInt8) -> Bool = { $0 == 0x20 || (0x09...0x0D).contains($0) }
        guard let start = bytes.firstIndex(where: { !isBlank($0) }), let end = bytes.lastIndex(where: { !isBlank($0) })
        else { return "" }
        return String(decoding: bytes[start...end], as: UTF8.self)
    }
}
