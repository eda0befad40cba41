import Testing

@testable import ProxyCore

@Suite struct HostPatternTests {
    @Test(
        "a pattern matches on label boundaries",
        arguments: [
            ("example.com", "example.com", true), ("Example.COM", "eXample.com", true),
            ("example.com", "www.example.com", false),
            ("example.com", "evilexample.com", false), ("example.com", "example.com.evil.net", false),
            ("*.example.com", "a.example.com", true), ("*.example.com", "a.b.example.com", true),
            ("*.Example.com", "A.EXAMPLE.COM", true),
            ("*.example.com", "example.com", false), ("*.example.com", "evilexample.com", false),
            ("*.example.com", "evil-example.com", false), ("*.example.com", "a.example.com.evil.net", false),
            ("*.example.com", "example.com.evil.net", false), ("*.example.com", "a.xexample.com", false),
            ("*.com", "example.com", true),
            ("*", "example.com", true), ("*", "127.0.0.1", true), ("*", "[::1]", true),
            ("192.0.2.1", "192.0.2.1", true), ("192.0.2.1", "192.0.2.10", false),
            ("192.0.2.1", "[::ffff:192.0.2.1]", false),
            ("[2001:db8::1]", "[2001:db8:0::1]", true), ("2001:db8::1", "[2001:db8::1]", true),
            ("2001:db8::1", "[2001:db8::2]", false),
            ("xn--bcher-kva.example", "XN--BCHER-KVA.example", true), ("localhost", "localhost", true),
            ("a.com", "ab.com", false),
        ])
    func matches(_ pattern: String, _ host: String, _ isMatch: Bool) throws {
        #expect(try #require(HostPattern(pattern)).matches(#require(SourceURL.Host(host))) == isMatch)
    }

    @Test(
        "nonsense is no pattern",
        arguments: [
            "", " ", "*.", ".*", "**", "*.*", "*.*.com", "*example.com", "a.*.com", "a*.com", "example.*",
            ".example.com", "example.com.",
            "*.example.com.", "https://example.com", "example.com/", "example.com/a", "example.com:80",
            "user@example.com", "exa mple.com",
            "bücher.example", "127.1", "0x7f.1", "*.127.0.0.1", "*.1", "*.[::1]", "[::1]:80", "10.0.0.0/8",
            "[192.0.2.1]", "::1%lo",
            "example.com,other.com", "-a.com", "a_b.com", "*.\u{301}example.com",
        ])
    func refuses(_ text: String) {
        #expect(HostPattern(text) == nil)
    }

    @Test(
        "text reads back as the same pattern",
        arguments: ["*", "*.example.com", "a.example.com", "192.0.2.1", "[2001:db8::1]"])
    func text(_ text: String) {
        #expect(HostPattern(text)?.description == text)
    }

    @Test("a list admits what any entry matches, and an empty one nothing")
    func list() throws {
        let hosts = HostList(try ["images.example.com", "*.example.net"].map { try #require(HostPattern($0)) })
        #expect(hosts.admits(.name("images.example.com")))
        #expect(hosts.admits(.name("a.example.net")))
        #expect(!hosts.admits(.name("example.net")))
        #expect(!HostList([]).admits(.name("images.example.com")))
    }
}
