import ProxyCore
import Testing

@Suite struct CacheSelectionTests {
    @Test(
        "a host is met exactly, and a domain from a dot on",
        arguments: [
            ("images.example.com", "https://images.example.com/a", true),
            ("images.example.com", "HTTP://Images.Example.com:8080/a", true),
            ("images.example.com", "https://a.images.example.com/", false),
            ("images.example.com", "https://images.example.com.evil.test/", false),
            ("*.example.com", "https://images.example.com/a", true),
            ("*.example.com", "https://a.b.example.com/", true),
            ("*.example.com", "https://example.com/", false), ("*.example.com", "https://evilexample.com/", false),
            ("*.example.com", "https://elsewhere.test/?.example.com", false),
            ("192.0.2.1", "http://192.0.2.1/", true), ("192.0.2.1", "http://192.0.2.10/", false),
            ("h", "http://user@h/", false), ("h", "http://", false),
        ])
    func hosts(pattern: String, url: String, isMeant: Bool) throws {
        let selection = CacheSelection(.host(try #require(HostPattern(pattern))))
        #expect(selection.includes(url) == isMeant)
    }

    @Test(
        "a prefix is met as it is written or as it is asked for",
        arguments: [
            ("https://h/a/", "https://h/a/b.png", true), ("https://h/a/", "https://h/a", false),
            ("https://h/a/", "HTTPS://H:443/a/b", true), ("https://h/a/", "https://h/x/../a/b", true),
            ("https://h/", "https://h.evil.test/", false), ("http://h/", "https://h/", false),
            ("https://h/a b", "https://h/a%20bc", true), ("https://H/a", "https://H/ab", true),
        ])
    func prefixes(prefix: String, url: String, isMeant: Bool) throws {
        #expect(CacheSelection(.prefix(try #require(URLPrefix(prefix)))).includes(url) == isMeant)
    }

    @Test("a prefix has a path", arguments: ["https://h", "https://h#/", "h/", "ftp://h/a/", "", "https:///a"])
    func refusesPrefixes(text: String) {
        #expect(URLPrefix(text) == nil)
    }

    @Test("a URL is met in its spelling alone")
    func urls() {
        let selection = CacheSelection(.url("http://h/\u{e9}"))
        #expect(selection.includes("http://h/\u{e9}"))
        #expect(!selection.includes("http://h/e\u{301}"))
        #expect(CacheSelection(.all).includes("http://anything"))
    }

    @Test(
        "what is old enough, and what has no time",
        arguments: [(1000, 3000, false), (1000, 3001, true), (5000, 3000, false)] as [(Int64, Int64, Bool)])
    func ages(cachedAt: Int64, now: Int64, isMeant: Bool) {
        let selection = CacheSelection(.all, olderThan: .seconds(2))
        #expect(selection.includes(cachedAt: cachedAt, at: now) == isMeant)
        #expect(!selection.includes(cachedAt: nil, at: now))
        #expect(CacheSelection(.all).includes(cachedAt: nil, at: now))
        #expect(selection.includes(cachedAt: .min, at: .max))
    }
}
