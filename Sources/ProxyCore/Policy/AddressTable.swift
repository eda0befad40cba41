// The published verdicts: what this program promises about addresses, written out by hand and independent of the rules.
// The tests hold the rules to it; an operator can have an installed executable do the same.

/// Addresses and spellings of hosts, each with the verdict it must get when no exception is configured.
public enum AddressTable {
    /// One promise about one address.
    public struct Row: Sendable, Hashable, CustomStringConvertible {
        /// The address as text.
        public let address: String
        /// Whether it may be connected to.
        public let isReachable: Bool

        /// Whether the rules keep the promise.
        public var isUpheld: Bool {
            IPAddress(address).map { $0.isGloballyReachable == isReachable } ?? false
        }

        /// The promise in words.
        public var description: String { "\(address) is \(isReachable ? "reachable" : "denied")" }
    }

    /// Every address row.
    public static let rows: [Row] =
        denied.map { Row(address: $0, isReachable: false) } + reachable.map { Row(address: $0, isReachable: true) }

    /// Whether an everything-goes host list still leads `host`, as it would stand in a URL, to no connection: it is no host,
    /// or one that is denied before anything is resolved.
    public static func isRefused(host: String) -> Bool {
        let policy = SourcePolicy(hosts: HostList([.any]))
        do {
            try policy.authorize(SourceURL("http://\(host)/"))
            return false
        } catch {
            return true
        }
    }

    /// First and last of every special-purpose network, and what embeds an IPv4 address of one.
    static let denied: [String] =
        deniedIPv4 + deniedIPv6
        + privateIPv4.flatMap { quad in embeddingPrefixes.map { $0 + quad } }

    private static let deniedIPv4 = [
        "0.0.0.0", "0.0.0.1", "0.255.255.255",
        "10.0.0.0", "10.1.2.3", "10.255.255.255",
        "100.64.0.0", "100.100.100.200", "100.127.255.255",
        "127.0.0.0", "127.0.0.1", "127.0.0.53", "127.255.255.255",
        "169.254.0.0", "169.254.169.254", "169.254.255.255",
        "172.16.0.0", "172.17.0.1", "172.31.255.255",
        "192.0.0.0", "192.0.0.8", "192.0.0.9", "192.0.0.10", "192.0.0.170", "192.0.0.171", "192.0.0.192", "192.0.0.255",
        "192.0.2.0", "192.0.2.255",
        "192.88.99.0", "192.88.99.1", "192.88.99.2", "192.88.99.255",
        "192.168.0.0", "192.168.1.1", "192.168.255.255",
        "198.18.0.0", "198.19.255.255",
        "198.51.100.0", "198.51.100.255",
        "203.0.113.0", "203.0.113.255",
        "224.0.0.0", "224.0.0.1", "239.255.255.255",
        "240.0.0.0", "255.255.255.254", "255.255.255.255",
    ]

    private static let deniedIPv6 = [
        "::", "::1", "::2", "::ffff:ffff", "::1:0:0", "::ffff:0:0", "::ffff:ffff:ffff", "::1:0:0:0",
        "::ffff:8.8.8.8", "::8.8.8.8", "::ffff:0:8.8.8.8",
        "64:ff9a:ffff:ffff:ffff:ffff:ffff:ffff", "64:ff9b::1:0:0", "64:ff9b:0:ffff::8.8.8.8",
        "64:ff9b:1::", "64:ff9b:1::8.8.8.8", "64:ff9b:1:808:8:800::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff",
        "64:ff9b:2::",
        "100::", "100::ffff:ffff:ffff:ffff", "100:0:0:1::", "100:0:0:1:ffff:ffff:ffff:ffff", "100:0:0:2::",
        "200::", "400::1", "1000::", "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        "2001::", "2001::1", "2001:0:ffff:ffff:ffff:ffff:ffff:ffff", "2001:0:808:808:0:0:f7f7:f7f7",
        "2001:1::1", "2001:1::2", "2001:1::3", "2001:1::4", "2001:2::", "2001:2:0:ffff:ffff:ffff:ffff:ffff",
        "2001:3::1", "2001:4:112::1", "2001:10::", "2001:1f:ffff:ffff:ffff:ffff:ffff:ffff", "2001:20::", "2001:30::",
        "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff",
        "2001:db8::", "2001:db8::1", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
        "2002::", "2002:808:808::1", "2002:7f00:1::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        "3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff",
        "4000::", "5eff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "5f00::", "5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        "5f01::",
        "6000::", "8000::", "fbff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        "fc00::", "fd00:ec2::254", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "fe00::",
        "fe80::", "fe80::1", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        "fec0::", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        "ff00::", "ff02::1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    ]

    private static let privateIPv4 = [
        "0.0.0.0", "10.0.0.1", "100.64.0.1", "127.0.0.1", "169.254.169.254", "172.16.0.1", "192.0.0.1", "192.168.0.1",
        "198.18.0.1", "224.0.0.1", "255.255.255.255",
    ]

    /// Compatible, mapped, translated, NAT64, local NAT64, and ISATAP under a global prefix, in that order.
    private static let embeddingPrefixes = [
        "::", "::ffff:", "::ffff:0:", "64:ff9b::", "64:ff9b:1::", "2606:4700::5efe:", "2606:4700::200:5efe:",
    ]

    /// The neighbours just outside each network, and what must not be taken for an embedding.
    static let reachable = [
        "1.0.0.0", "1.0.0.1", "1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0",
        "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0", "128.0.0.1",
        "169.253.255.255", "169.255.0.0", "169.255.0.1", "172.15.255.255", "172.32.0.0", "172.32.0.1",
        "191.255.255.255", "192.0.1.0", "192.0.1.255", "192.0.3.0", "192.31.196.1", "192.52.193.1",
        "192.88.98.255", "192.88.100.0", "192.167.255.255", "192.169.0.0", "192.169.0.1", "192.175.48.1",
        "198.17.255.255", "198.20.0.0", "198.20.0.1", "198.51.99.255", "198.51.101.0", "203.0.112.255", "203.0.114.0",
        "203.0.114.1", "223.255.255.255",
        "64:ff9b::8.8.8.8", "64:ff9b::1.0.0.1", "64:ff9b::223.255.255.255",
        "2000::", "2000:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2001:200::",
        "2001:db7:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db9::", "2001:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2003::",
        "2606:4700:4700::1111", "2620:4f:8000::1", "2a00:1450:4001:81b::200e",
        "3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "3fff:1000::", "3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        "2606:4700::5efe:8.8.8.8", "2606:4700::200:5efe:8.8.8.8", "2606:4700::100:5efe:127.0.0.1",
        "2606:4700::ffff:127.0.0.1",
    ]

    /// Spellings of hosts that some program takes for a loopback, private or other special address.
    public static let refusedHosts: [String] = [
        // Numbers as inet_aton reads them: one, two or three parts, octal, hexadecimal, mixed.
        "2130706433", "017700000001", "0x7f000001", "0X7F000001", "0x7f.1", "127.1", "127.0.1", "0", "0x0", "0x", "00",
        "0177.0.0.1", "0177.0000.0000.0001", "0x7f.0x0.0x0.0x1", "0x7f.0.0.01", "127.0.0.0x1", "127.0.0.01",
        "127.0.0.001",
        "127.000.000.001", "00127.0.0.1", "10.0.0.010", "3232235521", "0xa9fea9fe", "2852039166", "0251.0376.0251.0376",
        "169.254.43518", "10.1", "192.168.1", "4294967296", "4294967297", "0x17f000001", "18446744073709551617",
        "256.0.0.1", "127.0.0.256", "383.0.0.1", "127.0.0.1.0", "1.127.0.0.1", "a.1", "example.0x7f", "127..1",
        ".127.0.0.1",
        "127.0.0.1.", "127.0.0.1..", "2130706433.", "localhost.", "localhost..", "-127.0.0.1", "+127.0.0.1",
        "127.0.0.1-",
        "127.0.0.1%00", "127.0.0.1%20", "127.0.0.1%2f", " 127.0.0.1", "127.0.0.1 ", "127.0. 0.1",
        "127.0.0.1,8.8.8.8", "8.8.8.8 127.0.0.1", "127.0.0.1;8.8.8.8", "8.8.8.8&127.0.0.1",
        // Percent-encoded digits, dots and letters.
        "127%2e0%2e0%2e1", "%31%32%37.0.0.1", "%6c%6f%63alhost", "127.0.0.%31", "%5B::1%5D", "%00127.0.0.1",
        "%EF%BC%91",
        // Other dots, digits and letters, and what shows as nothing.
        "127。0。0。1", "127．0．0．1", "127｡0｡0｡1", "１２７.０.０.１", "①②⑦.⓪.⓪.①", "𝟏𝟐𝟕.𝟎.𝟎.𝟏", "𝟙𝟚𝟟.𝟘.𝟘.𝟙", "١٢٧.٠.٠.١",
        "loc\u{AD}alhost", "local\u{200B}host", "\u{FEFF}localhost", "127.0.0.1\u{200B}",
        "127\u{2024}0\u{2024}0\u{2024}1",
        "localhoſt", "ｌｏｃａｌｈｏｓｔ", "ⓛⓞⓒⓐⓛⓗⓞⓢⓣ", "localhost\u{0}", "lo\u{200D}calhost", "löcalhost",
        // Every localhost.
        "localhost", "LOCALHOST", "LocalHost", "a.localhost", "a.b.LOCALHOST", "127.0.0.1.localhost",
        // Private literals themselves.
        "127.0.0.1", "127.127.127.127", "0.0.0.0", "10.0.0.1", "169.254.169.254", "192.168.0.1", "100.64.0.1",
        "255.255.255.255", "224.0.0.1",
        // IPv6: full, compressed, upper case, and every embedding.
        "[::1]", "[::]", "[0:0:0:0:0:0:0:1]", "[0000:0000:0000:0000:0000:0000:0000:0001]", "[0::1]", "[::0:1]",
        "[::ffff:127.0.0.1]", "[::FFFF:7F00:1]", "[::ffff:7f00:0001]", "[0:0:0:0:0:ffff:127.0.0.1]",
        "[::ffff:10.0.0.1]",
        "[::ffff:a9fe:a9fe]", "[::127.0.0.1]", "[::7f00:1]", "[::ffff:0:127.0.0.1]", "[::ffff:0:7f00:1]",
        "[64:ff9b::127.0.0.1]", "[64:ff9b::7f00:1]", "[64:ff9b::a00:1]", "[64:ff9b:1::127.0.0.1]",
        "[64:ff9b:1:7f00:0:100::]",
        "[2002:7f00:1::]", "[2002:7f00:0001::1]", "[2002:a9fe:a9fe::]", "[2001:0:4136:e378:8000:63bf:80ff:fffe]",
        "[2001::f5ff:fffe]", "[2606:4700::5efe:127.0.0.1]", "[2606:4700::200:5efe:a00:1]", "[fe80::5efe:7f00:1]",
        "[fe80::1]", "[fc00::1]", "[fd00:ec2::254]", "[fec0::1]", "[ff02::1]", "[2001:db8::1]", "[3fff::1]",
        "[5f00::1]",
        // Zones, futures, and brackets gone wrong.
        "[fe80::1%25eth0]", "[::1%25lo]", "[::1%lo]", "[::1%251]", "[::1%25]", "[2606:4700::1111%25lo]",
        "[v1.127.0.0.1]",
        "[vf.::1]", "[127.0.0.1]", "[localhost]", "[]", "[", "]", "[::1", "::1]", "::1", "[[::1]]", "[::1]]", "[::1]x",
        "[::1].", "x[::1]", "[::①]", "[::1 ]", "[ ::1]", "[:::1]", "[::1::]", "[1:2:3:4:5:6:7]", "[1:2:3:4:5:6:7:8:9]",
        "[1:2:3:4:5:6:7::8]", "[::12345]", "[::127.0.0.01]", "[::127.1]", "[::0x7f.0.0.1]", "[::127.0.0.1:1]",
        "[::ffff:1.2.3]",
        // Other authorities in disguise.
        "127.0.0.1\\@8.8.8.8", "8.8.8.8\\@127.0.0.1", "8.8.8.8@127.0.0.1", "8.8.8.8:80@127.0.0.1",
        "8.8.8.8%40127.0.0.1",
        "8.8.8.8@127.0.0.1@8.8.4.4", "@127.0.0.1", "127.0.0.1@", ":@127.0.0.1", "127.0.0.1\\", "\\127.0.0.1", "",
        "127.0.0.1\t", "127.0.0.1\r\nHost: a", "127.0.0.1\n", "\u{7F}127.0.0.1",
    ]
}
