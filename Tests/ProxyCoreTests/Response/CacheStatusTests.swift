import ProxyCore
import Testing

@Suite struct CacheStatusTests {
    static let statuses: [(CacheStatus, field: String, log: String)] = [
        (.hit, "image-proxy; hit", "hit"), (.hit(freshnessLeft: 376), "image-proxy; hit; ttl=376", "hit"),
        (.hit(freshnessLeft: -412), "image-proxy; hit; ttl=-412", "hit"),
        (.hit(freshnessLeft: .min), "image-proxy; hit; ttl=-999999999999999", "hit"),
        (.forwarded(.uriMiss), "image-proxy; fwd=uri-miss", "miss"),
        (.forwarded(.miss), "image-proxy; fwd=miss", "miss"),
        (.forwarded(.uriMiss, isStored: true), "image-proxy; fwd=uri-miss; stored", "miss"),
        (.forwarded(.uriMiss, isCollapsed: true), "image-proxy; fwd=uri-miss; collapsed", "miss"),
        (.forwarded(.stale, status: 304, isStored: true), "image-proxy; fwd=stale; fwd-status=304; stored", "stale"),
        (.forwarded(.stale), "image-proxy; fwd=stale", "stale"),
        (.forwarded(.request), "image-proxy; fwd=request", "request"),
        (.forwarded(.bypass), "image-proxy; fwd=bypass", "bypass"), (.none, "image-proxy; fwd=bypass", "none"),
    ]

    @Test("the field of RFC 9211 and the word in the log", arguments: statuses)
    func values(_ status: CacheStatus, _ field: String, _ log: String) {
        #expect(status.fieldValue == field)
        #expect(status.logValue == log)
    }

    @Test func allParametersInTheirOrder() {
        var status = CacheStatus.forwarded(.uriMiss, status: 200, isStored: true, isCollapsed: true)
        status.freshnessLeft = 60
        status.key = "image-proxy:https://example.com/a.png"
        status.detail = "negative"
        let expected = """
            image-proxy; fwd=uri-miss; fwd-status=200; stored; collapsed; ttl=60; \
            key="image-proxy:https://example.com/a.png"; detail=negative
            """
        #expect(status.fieldValue == expected)
    }

    static let keys = [
        ("", "\"\""), ("a b", "\"a b\""), ("a\"b\\c", "\"a\\\"b\\\\c\""), ("a\r\nX: y", "\"a%0D%0AX: y\""),
        ("\u{e9}", "\"%C3%A9\""), ("\u{0}\u{7f}", "\"%00%7F\""), ("\"; hit", "\"\\\"; hit\""),
    ]

    @Test("a key is a string of visible ASCII", arguments: keys) func key(_ key: String, _ string: String) {
        var status = CacheStatus.hit
        status.key = key
        #expect(status.fieldValue == "image-proxy; hit; key=" + string)
    }

    static let details = [
        ("negative", "negative"), ("origin-5xx", "origin-5xx"), ("*", "*"), ("a:b/c", "a:b/c"), ("", "\"\""),
        ("5xx", "\"5xx\""), ("two words", "\"two words\""), ("a;b", "\"a;b\""), ("a,b", "\"a,b\""), ("-a", "\"-a\""),
        ("\u{e9}", "\"%C3%A9\""), ("a\nb", "\"a%0Ab\""),
    ]

    @Test("a detail is a token if it can be one", arguments: details)
    func detail(_ detail: String, _ expected: String) {
        var status = CacheStatus.hit
        status.detail = detail
        #expect(status.fieldValue == "image-proxy; hit; detail=" + expected)
    }

    @Test func whatIsTooLongIsCut() {
        var status = CacheStatus.hit
        status.key = String(repeating: "k", count: 100_000)
        status.detail = String(repeating: "d", count: 513)
        let (key, detail) = (String(repeating: "k", count: 512), String(repeating: "d", count: 512))
        #expect(status.fieldValue == "image-proxy; hit; key=\"\(key)\"; detail=\"\(detail)\"")
    }
}
