/// A block of addresses, written in CIDR notation (RFC 4632, 3.1; RFC 4291, 2.3).
public struct Network: Sendable, Hashable {
    /// The first address: every bit past the prefix is zero.
    public let base: IPAddress
    /// The number of leading bits that are fixed: at most 32 for IPv4, 128 for IPv6.
    public let prefixLength: Int

    /// Reads `10.0.0.0/8`, `fd00::/8`, or an address alone, which is a network of one.
    ///
    /// Bits past the prefix are cleared, as nginx and iptables do: `192.168.1.7/24` is `192.168.1.0/24`.
    public init?(_ text: some StringProtocol) {
        self.init(text: Array(text.utf8)[...])
    }

    init?(text: ArraySlice<UInt8>) {
        let slash = text.firstIndex(of: UInt8(ascii: "/")) ?? text.endIndex
        guard let address = IPAddress(text: text[..<slash]) else { return nil }
        if slash == text.endIndex {
            self.init(address, prefixLength: address.bitWidth)
        } else if let length = URIText.decimal(text[(slash + 1)...], atMost: address.bitWidth) {
            self.init(address, prefixLength: length)
        } else {
            return nil
        }
    }

    /// A network in our own source: one that cannot be read is our mistake, and must not pass for a missing row.
    init(constant text: StaticString) {
        guard let network = Network("\(text)") else { preconditionFailure("not a network: \(text)") }
        self = network
    }

    private init(_ address: IPAddress, prefixLength: Int) {
        self.base = address.masked(to: prefixLength)
        self.prefixLength = prefixLength
    }

    /// Whether `address` is in this network. An IPv4 network also holds the v4-mapped IPv6 addresses of its members,
    /// since those are dialled as IPv4; no other embedding counts, since what is dialled then is a translator or a relay.
    public func contains(_ address: IPAddress) -> Bool {
        switch (base, address) {
        case (.v4, .v4), (.v6, .v6): address.masked(to: prefixLength) == base
        case (.v4, .v6): address.mappedIPv4.map(contains) ?? false
        case (.v6, .v4): false
        }
    }
}

extension Network: CustomStringConvertible {
    /// The CIDR notation.
    public var description: String { "\(base)/\(prefixLength)" }
}

extension IPAddress {
    fileprivate var bitWidth: Int {
        switch self {
        case .v4: 32
        case .v6: 128
        }
    }

    fileprivate func masked(to prefixLength: Int) -> IPAddress {
        switch self {
        case .v4(let bits): .v4(bits & ~(UInt32.max >> prefixLength))
        case .v6(let bits): .v6(bits & ~(UInt128.max >> prefixLength))
        }
    }
}
