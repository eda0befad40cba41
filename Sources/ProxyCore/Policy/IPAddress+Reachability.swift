// Which addresses may be connected to when nobody made an exception.
//
// An allow-list: a number is refused unless it is known to be an ordinary unicast address of the internet. For IPv6 that
// is 2000::/3, the only global unicast space IANA has handed out, less what the special-purpose registry takes out of
// it; for IPv4 all that the registry leaves. What IANA reserves tomorrow outside 2000::/3 is thus refused today.
// Three decisions:
// - 64:ff9b::/96 is let through when the IPv4 address in it is reachable. Behind NAT64 and DNS64 every IPv4 origin has
//   such an address, and the translator dials just that IPv4 address.
// - The registry's reachable islands in 192.0.0.0/24 and 2001::/23 stay refused. They are anycast services of the
//   network one stands in (PCP, TURN, AMT, AS112) or are not routed at all (ORCHIDv2, DET): no image is there.
// - Any other IPv6 address that embeds an IPv4 address is at most as reachable as that one.

extension IPAddress {
    /// Whether this is an ordinary public address: global unicast, in no special-purpose network, and embedding no IPv4
    /// address that is not such an address itself.
    public var isGloballyReachable: Bool {
        switch self {
        case .v4:
            specialPurpose == nil
        case .v6(let bits):
            (bits >> 125 == 0b001 || bits >> 32 == 0x0064_ff9b_0000_0000_0000_0000)
                && specialPurpose == nil && embeddedIPv4.allSatisfy(\.isGloballyReachable)
        }
    }

    /// The special-purpose network this address is in, the smallest when they nest.
    public var specialPurpose: SpecialPurposeNetwork? {
        SpecialPurposeNetwork.registry.filter { $0.network.contains(self) }
            .max { $0.network.prefixLength < $1.network.prefixLength }
    }
}
