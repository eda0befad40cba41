import Testing

@testable import ProxyCore

@Suite struct IPAddressTests {
    @Test(
        "canonical text reads back as itself",
        arguments: [
            "0.0.0.0", "1.2.3.4", "255.255.255.255", "10.0.0.1",
            "::", "::1", "1::", "2001:db8::1", "2001:db8:0:1:1:1:1:1", "2001:db8::1:0:0:1", "fe80::1",
            "::ffff:192.0.2.1",
            "1:2:3:4:5:6:7:8", "1:0:0:2::3", "64:ff9b::102:304", "::1:0:0",
        ])
    func canonical(_ text: String) {
        #expect(IPAddress(text)?.description == text)
    }

    @Test(
        "IPv6 text is written as RFC 5952 has it",
        arguments: [
            ("2001:0db8:0000:0000:0001:0000:0000:0001", "2001:db8::1:0:0:1"),
            ("2001:db8:0:0:0:0:2:1", "2001:db8::2:1"),
            ("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"),
            ("2001:db8::1:1:1:1:1", "2001:db8:0:1:1:1:1:1"),
            ("2001:DB8::A", "2001:db8::a"),
            ("0:0:0:0:0:FFFF:127.0.0.1", "::ffff:127.0.0.1"),
            ("::ffff:7f00:1", "::ffff:127.0.0.1"),
            ("1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"),
            ("::1.2.3.4", "::102:304"),
            ("1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"),
            ("::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"),
        ])
    func rfc5952(_ text: String, _ canonical: String) {
        #expect(IPAddress(text)?.description == canonical)
    }

    @Test(
        "text that another reader could take differently is no address",
        arguments: [
            "", " ", "1", "1.2", "1.2.3", "1.2.3.4.5", "1.2.3.4.", ".1.2.3.4", "1..2.3", "01.2.3.4", "1.2.3.04",
            "256.1.1.1",
            "1.2.3.256", "1.2.3.4 ", " 1.2.3.4", "0x1.2.3.4", "1.2.3.4/32", "1.2.3.-4", "1.2.3.+4", "1.2.3.٤",
            "1.2.3.4\0",
            "1.2.3.99999999999999999999", "1.2.3.000", ":", ":::", "1:::2", "::1::", "1::2::3", ":1::2", "1::2:",
            "[::1]",
            "::1%lo", "fe80::1%eth0", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7::8", "::12345", "::g",
            "::-1",
            "::1.2.3", "::1.2.3.04", "1.2.3.4::", "::1.2.3.4:5", "1:2:3:4:5:6:7:1.2.3.4", "1:2:3:4:5:1.2.3.4",
            "::1/128",
            "0000:0000:0000:0000:0000:0000:0000:0000:0000:0000", "::٤",
        ])
    func rejects(_ text: String) {
        #expect(IPAddress(text) == nil)
    }

    @Test("bytes are network order, four or sixteen")
    func bytes() {
        #expect(IPAddress(bytes: [192, 0, 2, 1]) == IPAddress("192.0.2.1"))
        #expect(IPAddress(bytes: [0x20, 1] + [UInt8](repeating: 0, count: 13) + [9]) == IPAddress("2001::9"))
        for count in 0...40 where count != 4 && count != 16 {
            #expect(IPAddress(bytes: [UInt8](repeating: 1, count: count)) == nil)
        }
    }

    @Test("the published table holds", arguments: AddressTable.rows)
    func table(_ row: AddressTable.Row) {
        #expect(row.isUpheld)
    }

    @Test("a row that promises the wrong thing, or is no address, is not upheld")
    func tableCanFail() {
        #expect(!AddressTable.Row(address: "127.0.0.1", isReachable: true).isUpheld)
        #expect(!AddressTable.Row(address: "8.8.8.8", isReachable: false).isUpheld)
        #expect(!AddressTable.Row(address: "nonsense", isReachable: false).isUpheld)
    }

    @Test("every registry row denies its first and its last address", arguments: SpecialPurposeNetwork.registry)
    func registry(_ row: SpecialPurposeNetwork) {
        let last: IPAddress =
            switch row.network.base {
            case .v4(let bits): .v4(bits | UInt32.max >> row.network.prefixLength)
            case .v6(let bits): .v6(bits | UInt128.max >> row.network.prefixLength)
            }
        #expect(row.network.contains(last))
        #expect(!row.network.base.isGloballyReachable)
        #expect(!last.isGloballyReachable)
    }

    @Test(
        "the smallest special-purpose network names an address",
        arguments: [
            ("10.1.2.3", "Private-Use"), ("255.255.255.255", "Limited Broadcast"), ("254.0.0.1", "Reserved"),
            ("::", "Unspecified Address"), ("::1", "Loopback Address"), ("::2", "IPv4-compatible (deprecated)"),
            ("::ffff:1.2.3.4", "IPv4-mapped Address"), ("::ffff:0:1.2.3.4", "IPv4-translated Address"),
            ("2001:0:1::", "TEREDO"), ("2001:1::1", "IETF Protocol Assignments"), ("fe80::1", "Link-Local Unicast"),
        ])
    func names(_ text: String, _ name: String) {
        #expect(IPAddress(text)?.specialPurpose?.name == name)
    }

    @Test(
        "every IPv4 address in an IPv6 address is found",
        arguments: [
            ("::127.0.0.1", ["127.0.0.1"]), ("::ffff:10.0.0.1", ["10.0.0.1"]), ("::ffff:0:10.0.0.1", ["10.0.0.1"]),
            ("64:ff9b::192.0.2.33", ["192.0.2.33"]),
            // RFC 6052, 2.2 with the prefix of RFC 8215: 192.0.2.33 in bytes 6, 7, 9 and 10.
            ("64:ff9b:1:c000:2:2100::", ["192.0.2.33", "0.0.0.0"]),
            ("64:ff9b:1::10.0.0.1", ["0.0.0.0", "10.0.0.1"]),
            ("2002:c000:221::1", ["192.0.2.33"]),
            // RFC 4380, 4: server 65.54.227.120, client 192.0.2.45.
            ("2001:0:4136:e378:8000:63bf:3fff:fdd2", ["65.54.227.120", "192.0.2.45"]),
            ("2606:4700::5efe:10.0.0.1", ["10.0.0.1"]), ("2606:4700::200:5efe:10.0.0.1", ["10.0.0.1"]),
            ("2002:808:808::5efe:127.0.0.1", ["8.8.8.8", "127.0.0.1"]),
            ("::", []), ("::1", []), ("10.0.0.1", []), ("2606:4700::1", []), ("2606:4700::100:5efe:10.0.0.1", []),
            ("64:ff9b:2::10.0.0.1", []), ("64:ff9b::1:10.0.0.1", []), ("2003:7f00:1::", []),
        ])
    func embedded(_ text: String, _ expected: [String]) {
        #expect(IPAddress(text)?.embeddedIPv4.map(\.description) == expected)
    }
}
