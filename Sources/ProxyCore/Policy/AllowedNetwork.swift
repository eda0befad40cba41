/// An operator's exception: a network that may be connected to although it is not globally reachable, on one port or on
/// those that are allowed anywhere.
public struct AllowedNetwork: Sendable, Hashable {
    /// The addresses.
    public let network: Network
    /// The one port of the exception; `nil` stands for the ports that are allowed anywhere.
    public let port: UInt16?

    /// An exception for `network`, on `port` alone where one is given.
    public init(network: Network, port: UInt16? = nil) {
        self.network = network
        self.port = port
    }

    /// Reads `10.0.0.0/8`, `127.0.0.1/32:8080`, `fd00::/8`, `fd00::/8:443`, `[fd00::]/8:443`, and the same without a
    /// prefix length for one address. An IPv6 address without one needs its brackets when a port follows.
    public init?(_ text: some StringProtocol) {
        let bytes = Array(text.utf8)[...]
        guard let (networkText, portText) = Self.split(bytes), let network = Network(text: networkText) else {
            return nil
        }
        guard let portText else {
            self.init(network: network)
            return
        }
        guard let port = URIText.port(portText) else { return nil }
        self.init(network: network, port: port)
    }

    private static func split(_ text: ArraySlice<UInt8>) -> (network: ArraySlice<UInt8>, port: ArraySlice<UInt8>?)? {
        let colon = UInt8(ascii: ":")
        let slash = UInt8(ascii: "/")
        guard text.first != UInt8(ascii: "[") else { return splitBracketed(text.dropFirst()) }
        // Without a slash, two colons or more are an IPv6 address's own.
        let isBareIPv6 = !text.contains(slash) && text.count(where: { $0 == colon }) > 1
        let portSearch = isBareIPv6 ? text[text.endIndex...] : text[(text.firstIndex(of: slash) ?? text.startIndex)...]
        guard let end = portSearch.firstIndex(of: colon) else { return (text, nil) }
        return (text[..<end], text[(end + 1)...])
    }

    /// What follows the opening bracket: the brackets hold an IPv6 address; a prefix length and a port may follow.
    private static func splitBracketed(
        _ text: ArraySlice<UInt8>
    ) -> (network: ArraySlice<UInt8>, port: ArraySlice<UInt8>?)? {
        guard let close = text.firstIndex(of: UInt8(ascii: "]")), case .v6? = IPAddress(text: text[..<close]) else {
            return nil
        }
        let rest = text[(close + 1)...]
        let end = rest.firstIndex(of: UInt8(ascii: ":")) ?? rest.endIndex
        let prefixLength = rest[..<end]
        guard prefixLength.isEmpty || prefixLength.first == UInt8(ascii: "/") else { return nil }
        let network = (text[..<close] + prefixLength)[...]
        return (network, end < rest.endIndex ? rest[(end + 1)...] : nil)
    }
}

extension AllowedNetwork: CustomStringConvertible {
    /// The text form, which reads back as the same exception.
    public var description: String {
        guard let port else { return "\(network)" }
        return "\(network):\(port)"
    }
}
