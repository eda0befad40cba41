import Testing

@testable import ProxyCore

/// What an operator is told is what is done.
@Suite struct AddressVerdictTests {
    private static let policies = [
        AddressPolicy(), AddressPolicy(ports: [8080]),
        AddressPolicy(
            allowedNetworks: ["10.0.0.0/8", "127.0.0.0/8:8080", "8.8.8.8:81"].compactMap { AllowedNetwork($0) }),
    ]

    @Test("the verdict is the policy's", arguments: AddressTable.rows) func agrees(_ row: AddressTable.Row) throws {
        let address = try #require(IPAddress(row.address))
        for policy in Self.policies {
            for port: UInt16 in [80, 81, 443, 8080] {
                #expect(policy.verdict(on: address, port: port).isAdmitted == policy.admits(address, port: port))
            }
        }
    }

    @Test(
        "the rule is named",
        arguments: [
            ("8.8.8.8", 80, "globally reachable"), ("8.8.8.8", 8080, "the port is not allowed for this address"),
            ("10.1.2.3", 80, "Private-Use, 10.0.0.0/8 (RFC 1918)"),
            ("fd00::1", 80, "Unique-Local, fc00::/7 (RFC 4193)"),
            ("64:ff9b::a00:1", 80, "embeds 10.0.0.1, which is not globally reachable"),
            ("4000::1", 80, "outside 2000::/3, the space of global unicast addresses"),
        ] as [(String, UInt16, String)])
    func names(_ text: String, _ port: UInt16, _ rule: String) throws {
        #expect(AddressPolicy().verdict(on: try #require(IPAddress(text)), port: port).description == rule)
    }

    @Test func anExceptionIsNamed() throws {
        let policy = AddressPolicy(allowedNetworks: [try #require(AllowedNetwork("10.0.0.0/8:8080"))])
        let verdict = policy.verdict(on: try #require(IPAddress("10.1.2.3")), port: 8080)
        #expect(verdict.description == "IMAGE_PROXY_ALLOWED_NETWORKS has 10.0.0.0/8:8080")
    }
}
