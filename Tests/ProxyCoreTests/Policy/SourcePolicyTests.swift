import Testing

@testable import ProxyCore

@Suite struct SourcePolicyTests {
    private func policy(hosts: [String], ports: Set<UInt16> = [80, 443], networks: [String] = []) throws -> SourcePolicy
    {
        SourcePolicy(
            hosts: HostList(try hosts.map { try #require(HostPattern($0)) }), ports: ports,
            allowedNetworks: try networks.map { try #require(AllowedNetwork($0)) })
    }

    private func denial(_ url: String, by policy: SourcePolicy) throws -> SourceDenial? {
        let url = try SourceURL(url)
        do { try policy.authorize(url) } catch { return error }
        return nil
    }

    @Test(
        "no spelling of a special host is authorized, even with every host listed", arguments: AddressTable.refusedHosts
    )
    func notations(_ host: String) {
        #expect(AddressTable.isRefused(host: host))
    }

    @Test("every table row gets its verdict as a literal too", arguments: AddressTable.rows)
    func literals(_ row: AddressTable.Row) {
        let host = row.address.contains(":") ? "[\(row.address)]" : row.address
        #expect(AddressTable.isRefused(host: host) == !row.isReachable)
        #expect(AddressTable.isRefused(host: "\(host):80") == !row.isReachable)
    }

    @Test(
        "hosts, ports and literals are judged without a network",
        arguments: [
            ("https://img.example.com/a", nil), ("http://img.example.com:443/", nil),
            ("https://example.net/", SourceDenial.host),
            ("https://evilimg.example.com/", .host), ("https://img.example.com:8443/", .port),
            ("https://img.example.com:22/", .port),
            ("http://8.8.8.8/", nil), ("http://8.8.4.4/", .host), ("http://127.0.0.1/", .address),
            ("http://localhost/", .address),
            ("http://a.b.localhost/", .address), ("http://notlocalhost/", .host),
        ] as [(String, SourceDenial?)])
    func judges(_ url: String, _ expected: SourceDenial?) throws {
        // The list names loopback: it does not override the address rules.
        let policy = try policy(hosts: ["img.example.com", "8.8.8.8", "127.0.0.1", "localhost", "*.localhost"])
        #expect(try denial(url, by: policy) == expected)
    }

    @Test(
        "an exception binds its address to its port",
        arguments: [
            ("http://127.0.0.1:8080/", nil), ("http://127.0.0.1/", SourceDenial.address),
            ("http://localhost:8080/", nil),
            ("http://127.0.0.2:8080/", .address), ("http://[::1]:8080/", .address),
            ("http://[::ffff:127.0.0.1]:8080/", nil),
            ("http://10.1.2.3/", nil), ("http://10.1.2.3:8080/", .address), ("http://10.1.2.3:9000/", .port),
            ("http://8.8.8.8:8080/", .address), ("http://8.8.8.8/", nil), ("http://img.example.com:8080/", nil),
            ("http://[64:ff9b::10.1.2.3]/", .address), ("http://[fd00::1]:444/", nil), ("http://[fd00::1]/", .address),
        ] as [(String, SourceDenial?)])
    func exceptions(_ url: String, _ expected: SourceDenial?) throws {
        let policy = try policy(hosts: ["*"], networks: ["127.0.0.1/32:8080", "10.0.0.0/8", "[fd00::]/8:444"])
        #expect(try denial(url, by: policy) == expected)
    }

    @Test(
        "what is dialled is judged by address and port together",
        arguments: [
            ("8.8.8.8", 80, true), ("8.8.8.8", 443, true), ("8.8.8.8", 8080, false), ("8.8.8.8", 22, false),
            ("127.0.0.1", 8080, true), ("127.0.0.1", 80, false), ("127.0.0.2", 8080, false),
            ("::ffff:127.0.0.1", 8080, true),
            ("10.9.9.9", 80, true), ("10.9.9.9", 22, false), ("11.0.0.1", 80, true), ("64:ff9b::8.8.8.8", 443, true),
            ("64:ff9b::10.9.9.9", 443, false), ("::ffff:8.8.8.8", 443, false), ("2606:4700::1", 443, true),
            ("fd00::1", 443, false),
        ] as [(String, UInt16, Bool)])
    func dials(_ address: String, _ port: UInt16, _ isAdmitted: Bool) throws {
        let addresses = try policy(hosts: [], networks: ["127.0.0.1:8080", "10.0.0.0/8"]).addresses
        #expect(addresses.admits(try #require(IPAddress(address)), port: port) == isAdmitted)
    }

    @Test("no hosts, no source; no ports, no connection")
    func empty() throws {
        #expect(try denial("https://img.example.com/", by: policy(hosts: [])) == .host)
        #expect(try denial("https://img.example.com/", by: policy(hosts: ["*"], ports: [])) == .port)
    }

    @Test("a denial's reason is its name in metrics")
    func reasons() {
        #expect(
            SourceDenial.allCases.map(\.reason) == [
                "scheme", "userinfo", "host", "port", "address", "signature", "signature-expired",
            ])
    }
}
