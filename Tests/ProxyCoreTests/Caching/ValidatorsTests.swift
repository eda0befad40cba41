import ProxyCore
import Testing

@Suite struct EntityTagTests {
    static let tags: [(field: String, isWeak: Bool, opaque: String)] = [
        ("\"abc\"", false, "abc"), ("W/\"abc\"", true, "abc"), ("\"\"", false, ""), ("W/\"\"", true, ""),
        (" \"a\"\t", false, "a"), ("\"a\\b\"", false, "a\\b"), ("\"\\\"", false, "\\"), ("\"!#~,\"", false, "!#~,"),
        ("\"\(String(repeating: "x", count: 128))\"", false, String(repeating: "x", count: 128)),
    ]

    @Test("entity tags", arguments: tags) func parses(_ field: String, _ isWeak: Bool, _ opaque: String) throws {
        let tag = try #require(EntityTag(field))
        #expect(tag.isWeak == isWeak)
        #expect(tag.opaque == opaque)
        #expect(EntityTag(tag.text) == tag)
        #expect(tag.text == (isWeak ? "W/\"\(opaque)\"" : "\"\(opaque)\""))
    }

    @Test(
        "what is no tag that is kept",
        arguments: [
            "", "abc", "\"", "W/", "W/\"", "w/\"abc\"", "W\"abc\"", "W/ \"abc\"", "\"a\"b\"", "\"abc", "abc\"", "'abc'",
            "\"a b\"", "\"a\tb\"", "\"a\r\nb\"", "\"a\u{0}\"", "\"a\u{7f}\"", "\"\u{e9}\"", "\"a\", \"b\"", "*",
            "\"\(String(repeating: "x", count: 129))\"",
        ])
    func refuses(_ field: String) { #expect(EntityTag(field) == nil) }

    /// RFC 9110, 8.8.3.2, table 3
    static let comparisons: [(String, String, strong: Bool, weak: Bool)] = [
        ("W/\"1\"", "W/\"1\"", false, true), ("W/\"1\"", "W/\"2\"", false, false), ("W/\"1\"", "\"1\"", false, true),
        ("\"1\"", "\"1\"", true, true), ("\"1\"", "\"2\"", false, false), ("\"a\"", "\"A\"", false, false),
    ]

    @Test("comparisons", arguments: comparisons)
    func compares(_ one: String, _ other: String, _ strong: Bool, _ weak: Bool) throws {
        let (one, other) = (try #require(EntityTag(one)), try #require(EntityTag(other)))
        #expect(one.matchesStrongly(other) == strong)
        #expect(other.matchesStrongly(one) == strong)
        #expect(one.matchesWeakly(other) == weak)
        #expect(other.matchesWeakly(one) == weak)
    }
}

@Suite struct ValidatorsTests {
    @Test func theRequestToTheOriginHasBoth() {
        var validators = Validators()
        #expect(validators.isEmpty)
        #expect(validators.requestFields == [])
        validators.etag = EntityTag("W/\"a\"")
        #expect(!validators.isEmpty)
        #expect(validators.requestFields == ["If-None-Match: W/\"a\""])
        validators.lastModified = 784_111_777
        #expect(
            validators.requestFields == [
                "If-None-Match: W/\"a\"", "If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT",
            ])
        validators.etag = nil
        #expect(!validators.isEmpty)
        #expect(validators.requestFields == ["If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT"])
    }
}
