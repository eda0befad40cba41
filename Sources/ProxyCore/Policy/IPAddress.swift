/// An IPv4 or IPv6 address: the number that is dialled, without a zone, a port or a memory of how it was written.
public enum IPAddress: Sendable, Hashable {
    /// An IPv4 address, most significant byte first.
    case v4(UInt32)
    /// An IPv6 address, most significant byte first. A v4-mapped address stays what it is: it is not turned into `v4`.
    case v6(UInt128)

    /// The address in network byte order, as a `sockaddr` holds it: 4 or 16 bytes, or there is no address.
    public init?(bytes: Span<UInt8>) {
        var bits: UInt128 = 0
        guard bytes.count == 4 || bytes.count == 16 else { return nil }
        for index in bytes.indices { bits = bits << 8 | UInt128(bytes[index]) }
        self = bytes.count == 4 ? .v4(UInt32(truncatingIfNeeded: bits)) : .v6(bits)
    }

    /// The address in network byte order: 4 or 16 bytes, or there is no address.
    public init?(bytes: [UInt8]) {
        self.init(bytes: bytes.span)
    }
}
