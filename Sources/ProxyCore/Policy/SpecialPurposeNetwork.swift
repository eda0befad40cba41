/// A network that is set aside from the public internet, and the document that says so.
public struct SpecialPurposeNetwork: Sendable, Hashable {
    /// The addresses.
    public let network: Network
    /// The registry's name for them.
    public let name: String
    /// The specification that set them aside.
    public let specification: String

    private init(_ network: StaticString, _ name: String, _ specification: String) {
        self.network = Network(constant: network)
        self.name = name
        self.specification = specification
    }

    /// The IANA special-purpose registries for IPv4 and IPv6, the multicast registries, and the forms that the registries
    /// no longer list but stacks still honour. Rows that IANA calls globally reachable are not here, but for those inside
    /// a larger row.
    public static let registry: [SpecialPurposeNetwork] = [
        .init("0.0.0.0/8", "This network", "RFC 791, 3.2"),
        .init("10.0.0.0/8", "Private-Use", "RFC 1918"),
        .init("100.64.0.0/10", "Shared Address Space", "RFC 6598"),
        .init("127.0.0.0/8", "Loopback", "RFC 1122, 3.2.1.3"),
        .init("169.254.0.0/16", "Link Local", "RFC 3927"),
        .init("172.16.0.0/12", "Private-Use", "RFC 1918"),
        .init("192.0.0.0/24", "IETF Protocol Assignments", "RFC 6890, 2.1"),
        .init("192.0.2.0/24", "Documentation (TEST-NET-1)", "RFC 5737"),
        .init("192.88.99.0/24", "Deprecated (6to4 Relay Anycast)", "RFC 7526"),
        .init("192.168.0.0/16", "Private-Use", "RFC 1918"),
        .init("198.18.0.0/15", "Benchmarking", "RFC 2544"),
        .init("198.51.100.0/24", "Documentation (TEST-NET-2)", "RFC 5737"),
        .init("203.0.113.0/24", "Documentation (TEST-NET-3)", "RFC 5737"),
        .init("224.0.0.0/4", "Multicast", "RFC 5771"),
        .init("240.0.0.0/4", "Reserved", "RFC 1112, 4"),
        .init("255.255.255.255/32", "Limited Broadcast", "RFC 8190"),

        .init("::/96", "IPv4-compatible (deprecated)", "RFC 4291, 2.5.5.1"),
        .init("::/128", "Unspecified Address", "RFC 4291"),
        .init("::1/128", "Loopback Address", "RFC 4291"),
        .init("::ffff:0:0/96", "IPv4-mapped Address", "RFC 4291"),
        .init("::ffff:0:0:0/96", "IPv4-translated Address", "RFC 2765"),
        .init("64:ff9b:1::/48", "Local-Use IPv4-IPv6 Translation", "RFC 8215"),
        .init("100::/64", "Discard-Only Address Block", "RFC 6666"),
        .init("100:0:0:1::/64", "Dummy IPv6 Prefix", "RFC 9780"),
        .init("2001::/23", "IETF Protocol Assignments", "RFC 2928"),
        .init("2001::/32", "TEREDO", "RFC 4380"),
        .init("2001:2::/48", "Benchmarking", "RFC 5180"),
        .init("2001:10::/28", "Deprecated (previously ORCHID)", "RFC 4843"),
        .init("2001:db8::/32", "Documentation", "RFC 3849"),
        .init("2002::/16", "6to4", "RFC 3056"),
        .init("3fff::/20", "Documentation", "RFC 9637"),
        .init("5f00::/16", "Segment Routing (SRv6) SIDs", "RFC 9602"),
        .init("fc00::/7", "Unique-Local", "RFC 4193"),
        .init("fe80::/10", "Link-Local Unicast", "RFC 4291"),
        .init("fec0::/10", "Site-Local (deprecated)", "RFC 3879"),
        .init("ff00::/8", "Multicast", "RFC 4291"),
    ]
}
