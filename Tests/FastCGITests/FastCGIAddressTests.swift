import Testing

@testable import FastCGI

@Suite struct FastCGIAddressTests {
    static let accepted: [(String, FastCGIAddress, isLocal: Bool)] = [
        ("unix:/run/app.sock", .unix(path: "/run/app.sock"), true),
        ("unix:app.sock", .unix(path: "app.sock"), true),
        ("unix:/" + String(repeating: "a", count: 89), .unix(path: "/" + String(repeating: "a", count: 89)), true),
        ("127.0.0.1:9000", .tcp(host: "127.0.0.1", port: 9000), true),
        ("localhost:1", .tcp(host: "localhost", port: 1), true),
        ("[::1]:65535", .tcp(host: "::1", port: 65535), true),
        ("0.0.0.0:9000", .tcp(host: "0.0.0.0", port: 9000), false),
        ("10.0.0.1:9000", .tcp(host: "10.0.0.1", port: 9000), false),
        ("[::]:9000", .tcp(host: "::", port: 9000), false),
    ]

    @Test("the two forms, and who can reach them", arguments: accepted)
    func reads(_ text: String, _ address: FastCGIAddress, _ isLocal: Bool) {
        #expect(FastCGIAddress(text) == address)
        #expect(address.description == text)
        #expect(address.isLocal == isLocal)
    }

    @Test(
        "what has neither form",
        arguments: [
            "", ":", "9000", ":9000", "127.0.0.1", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:x",
            "127.0.0.1:-1", "::1:9000", "[]:9000", "[::1]", "[::1:9000", "/run/app.sock", "unix:", "unix:/a\0b",
            "unix:/" + String(repeating: "a", count: 90),
        ]) func refuses(_ text: String)
    {
        #expect(FastCGIAddress(text) == nil)
    }
}
