import Testing

@testable import ProxyCore

@Suite struct RouteTests {
    @Test(
        "the last segment of REQUEST_URI decides",
        arguments: [
            ("/api/image-proxy", Route.image), ("/api/image-proxy?url=https://h/health", .image),
            ("/api/image-proxy/", .image), ("/", .image),
            ("/api/image-proxy/health", .health), ("/health", .health), ("/a/b/c/stats?x", .stats),
            ("/p/metrics/", .metrics), ("/p/status//", .status),
            ("/p/status#x", .status), ("/p/%68ealth", .health), ("/p/%73%74%61%74%73", .stats),
            ("/p/he%61lth/?url=x", .health),
            ("http://host/p/health", .health), ("HTTPS://host:1/stats", .stats), ("http://health", .image),
            ("http://health/", .image),
            ("http://host", .image), ("*", .image), ("host:443", .image), ("health", .health), ("/p/healthy", .image),
            ("/p/Health", .image), ("/p/xhealth", .image),
            ("/p/health/x", .image), ("/p/%zzhealth", .image), ("/p/health%", .image), ("/p/health%00", .image),
            ("/p/health;x", .image),
            ("/p/x%2fhealth", .image), ("/p/health%2f", .image), ("/p/%2568ealth", .image), ("/p/health/..", .image),
            ("/p/health/.", .image),
            ("/p/image", .image), ("/p/hea+lth", .image), ("/p?/health", .image), ("//", .image),
            ("/p/\u{FFFD}", .image),
        ])
    func routes(_ uri: String, _ expected: Route) {
        #expect(Route(requestURI: uri) == expected)
        #expect(Route(requestURI: uri, scriptName: "/p", pathInfo: "/metrics") == expected)
    }

    @Test(
        "without REQUEST_URI the script's path decides, decoded already",
        arguments: [
            ("/cgi-bin/image-proxy", "/health", Route.health), ("/cgi-bin/image-proxy", nil, .image),
            ("/p/stats", nil, .stats), ("/p/stats", "", .stats),
            (nil, "/metrics", .metrics), (nil, nil, .image), ("/p", "/%68ealth", .image), ("/p", "/status/", .status),
        ] as [(String?, String?, Route)])
    func fallsBack(_ scriptName: String?, _ pathInfo: String?, _ expected: Route) {
        #expect(Route(requestURI: nil, scriptName: scriptName, pathInfo: pathInfo) == expected)
        #expect(Route(requestURI: "", scriptName: scriptName, pathInfo: pathInfo) == expected)
    }

    @Test("length changes nothing")
    func long() {
        #expect(Route(requestURI: String(repeating: "/a", count: 50_000) + "/health") == .health)
        #expect(Route(requestURI: "/" + String(repeating: "a", count: 100_000)) == .image)
        #expect(Route(requestURI: "/health" + String(repeating: "/", count: 100_000)) == .health)
    }
}
