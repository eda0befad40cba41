extension IPAddress {
    /// Every IPv4 address that this IPv6 address may hand its packets to: the ways round an IPv4 rule.
    ///
    /// More than one where the forms overlap: a Teredo address names a server and a client, any /64 may hold an ISATAP
    /// interface, and the prefix length in use below the local NAT64 prefix cannot be seen. An IPv4 address embeds none.
    public var embeddedIPv4: [IPAddress] {
        guard case .v6(let bits) = self else { return [] }
        let last = UInt32(truncatingIfNeeded: bits)
        var embedded: [UInt32] = []
        switch bits {
        case _ where Self.endsInIPv4(bits):
            embedded.append(last)
        case _ where bits >> 80 == 0x0064_ff9b_0001:
            // RFC 8215; the shapes of RFC 6052, 2.2 for /48 (byte 8 is skipped) and for the common /96 below it.
            embedded.append(UInt32(truncatingIfNeeded: (bits >> 64) << 16 | (bits >> 40) & 0xffff))
            embedded.append(last)
        case _ where bits >> 112 == 0x2002:
            // 6to4: RFC 3056, 2.
            embedded.append(UInt32(truncatingIfNeeded: bits >> 80))
        case _ where bits >> 96 == 0x2001_0000:
            // Teredo: RFC 4380, 4. The client's address has every bit inverted.
            embedded.append(UInt32(truncatingIfNeeded: bits >> 64))
            embedded.append(~last)
        default: break
        }
        // ISATAP: RFC 5214, 6.1. The interface id 0000:5efe, or 0200:5efe when its IPv4 address is unique.
        if UInt32(truncatingIfNeeded: bits >> 32) & ~0x0200_0000 == 0x5efe { embedded.append(last) }
        return embedded.map(IPAddress.v4)
    }

    /// The IPv4 address that a v4-mapped address dials (RFC 4291, 2.5.5.2). The kernel sends IPv4 packets for these.
    public var mappedIPv4: IPAddress? {
        guard case .v6(let bits) = self, bits >> 32 == 0xffff else { return nil }
        return .v4(UInt32(truncatingIfNeeded: bits))
    }

    private static func endsInIPv4(_ bits: UInt128) -> Bool {
        switch bits >> 32 {
        case 0x0: bits > 1  // IPv4-compatible: RFC 4291, 2.5.5.1, but :: and ::1
        case 0xffff: true  // IPv4-mapped: RFC 4291, 2.5.5.2
        case 0xffff_0000: true  // IPv4-translated: RFC 2765, 2.1
        case 0x0064_ff9b_0000_0000_0000_0000: true  // NAT64: RFC 6052, 2.1
        default: false
        }
    }
}
