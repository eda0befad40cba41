import ProxyCore
import Testing

@Suite struct CacheKeyTests {
    @Test(
        "the URL stands in the key as it is",
        arguments: [
            (
                "image-proxy:{url}", "https://example.com/a b?c=%20&d=\u{e9}",
                "image-proxy:https://example.com/a b?c=%20&d=\u{e9}"
            ),
            ("{url}", "http://h/", "http://h/"), ("a:{url}:b", "{url}", "a:{url}:b"), ("\u{e9}{url}", "", "\u{e9}"),
        ])
    func verbatim(template: String, url: String, key: String) throws {
        let template = try #require(CacheKeyTemplate(template))
        #expect(template.key(for: url).bytes == Array(key.utf8))
    }

    @Test(
        "a template has its place for the URL exactly once",
        arguments: ["", "image", "{URL}", "{url", "{url}{url}", "a{url}b{url}", "a {url}", "a\n{url}"])
    func refusesTemplates(template: String) { #expect(CacheKeyTemplate(template) == nil) }

    @Test("a key stays below 8 KiB, with the longest template and the longest URL")
    func longestKey() throws {
        let prefix = String(repeating: "p", count: CacheKeyTemplate.maximumLength - 5)
        let template = try #require(CacheKeyTemplate(prefix + "{url}"))
        let url = String(repeating: "u", count: SourceURL.maximumLength)
        #expect(template.key(for: url).bytes.count < 8 << 10)
        #expect(CacheKeyTemplate(prefix + "p{url}") == nil)
    }

    @Test(
        "the pattern for SCAN takes the template literally",
        arguments: [
            ("image-proxy:{url}", "image-proxy:*"), ("{url}", "*"),
            ("a*b?c[d]e\\f:{url}:^-", #"a\*b\?c\[d\]e\\f:*:^-"#),
        ])
    func patterns(template: String, pattern: String) throws {
        #expect(try #require(CacheKeyTemplate(template)).matchPattern == Array(pattern.utf8))
    }

    @Test(
        "a log gets neither query nor control characters, and a bounded length",
        arguments: [
            ("k:{url}", "https://h/a.png", "k:https://h/a.png"),
            ("k?:{url}:e", "https://h/a?token=x", "k?:https://h/a?<redacted>:e"),
            ("k:{url}", "https://h/\r\n \\\u{e9}", #"k:https://h/\x0d\x0a\x20\x5c\xc3\xa9"#),
            ("k:{url}", String(repeating: "a", count: 300), "k:" + String(repeating: "a", count: 254) + "..."),
        ])
    func descriptions(template: String, url: String, description: String) throws {
        #expect(try #require(CacheKeyTemplate(template)).key(for: url).description == description)
    }

    @Test(
        "what belongs to a key shares its tag, or has all of it for a tag",
        arguments: [
            ("p:{url}", "u", "{p:u}:x"), ("{t}:{url}", "u", "x:{t}:u"), ("p:{url}", "{t}u", "x:p:{t}u"),
            ("{url}", "u", "{u}:x"), ("p:{url}", "{}u", "{p:{}u}:x"), ("p:{url}", "{u", "{p:{u}:x"),
        ])
    func companion(_ template: String, _ url: String, _ expected: String) throws {
        let key = try #require(CacheKeyTemplate(template)).key(for: url)
        #expect(key.companion("x") == Array(expected.utf8))
    }
}
