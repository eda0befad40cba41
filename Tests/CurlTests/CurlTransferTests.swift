import Curl
import Glibc
import Testing

/// Transfers that end as HTTP says they should.
@Suite struct CurlTransferTests {
    @Test("status and fields", arguments: [200, 203, 301, 404, 500]) func head(_ status: Int) throws {
        let origin = try ScriptedOrigin(
            answering:
                "HTTP/1.1 \(status) Words\r\nContent-Length: 2\r\nX-Kept: a\r\nX-Other: b\r\nx-kept:  c \r\n\r\nok")
        let received = try CurlTransfer().fetch(origin.url())
        #expect(received.head?.status == status)
        #expect(received.head?.values("x-kept") == ["a", "c"])
        #expect(received.head?.values("content-length") == ["2"])
        #expect(received.head?.values("x-other") == [])
        #expect(received.text == "ok")
    }

    @Test("a body of any framing arrives as it is", arguments: ["length", "chunked", "close"])
    func body(_ framing: String) throws {
        let bytes = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
        let origin = try ScriptedOrigin { visitor in
            guard visitor.receiveHead() != nil else { return }
            visitor.send("HTTP/1.1 200 OK\r\n")
            switch framing {
            case "length": visitor.send("Content-Length: \(bytes.count)\r\n\r\n")
            case "close": visitor.send("Connection: close\r\n\r\n")
            default:
                visitor.send("Transfer-Encoding: chunked\r\n\r\n")
                for start in stride(from: 0, to: bytes.count, by: 100_000) {
                    visitor.send("186A0\r\n")
                    visitor.send(Array(bytes[start..<start + 100_000]))
                    visitor.send("\r\n")
                }
                visitor.send("0\r\nX-Kept: trailer\r\n\r\n")
                return
            }
            visitor.send(bytes)
        }
        let received = try CurlTransfer().fetch(origin.url())
        #expect(received.body == bytes)
        #expect(received.pieces > 1)
        #expect(received.head?.values("x-kept") == [], "a trailer is no header field")
    }

    @Test func aBodyMayBeEmpty() throws {
        let origin = try ScriptedOrigin(answering: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        let received = try CurlTransfer().fetch(origin.url())
        #expect(received.head?.status == 200)
        #expect(received.pieces == 0)
    }

    @Test func theRequestIsOursAlone() throws {
        let origin = try ScriptedOrigin()
        try CurlTransfer().fetch(origin.url("/a"))
        let lines = try #require(origin.requests.first).split(separator: "\r\n").map(String.init)
        #expect(lines.first == "GET /a HTTP/1.1")
        #expect(
            Set(lines.dropFirst()) == [
                "Host: 127.0.0.1:\(origin.port)", "User-Agent: test/1", "Accept: image/*", "Accept-Encoding: identity",
            ])
    }

    static let targets = [
        "/", "//", "//a//b/", "/a%2e%2E/%2e%2e/b", "/a/../b", "/./a/.", "/..", "/a?", "/?", "/?a=b&c==&&d",
        "/a?b?c/../d",
        "/%00%0d%0a%20", "/a;b=c,d", "/!$&'()*+,;=:@~-._", "/a?url=http://b/c%2Fd", "/%c3%a9", "/a//../b", "/a%25252e",
    ]

    @Test("a request target passes unchanged", arguments: targets) func passes(_ target: String) throws {
        let origin = try ScriptedOrigin()
        try CurlTransfer().fetch(origin.url(target))
        #expect(origin.requests.first?.split(separator: "\r\n").first.map(String.init) == "GET \(target) HTTP/1.1")
    }

    @Test("an empty path is a slash", arguments: [("", "/"), ("?a=b", "/?a=b"), ("#f", "/"), ("/a#f", "/a")])
    func completes(_ text: String, _ target: String) throws {
        let origin = try ScriptedOrigin()
        try CurlTransfer().fetch(origin.url(text))
        #expect(origin.requests.first?.split(separator: "\r\n").first.map(String.init) == "GET \(target) HTTP/1.1")
    }

    @Test(
        "a URL cannot become a second header",
        arguments: ["/a\r\nX-Injected: 1", "/a\nX-Injected: 1", "/a HTTP/1.1\r\nX-Injected: 1\r\n\r\n", "/a b"])
    func refusesURL(_ target: String) throws {
        let origin = try ScriptedOrigin()
        let transfer = try CurlTransfer()
        #expect(throws: CurlError.self) { try transfer.fetch(origin.url(target)) }
        #expect(origin.requests.isEmpty)
    }

    @Test(
        "only http and https",
        arguments: ["file:///etc/passwd", "ftp://127.0.0.1/", "gopher://127.0.0.1/", "dict://127.0.0.1/"])
    func refusesScheme(_ url: String) throws {
        let transfer = try CurlTransfer()
        #expect(throws: CurlError.self) { try transfer.fetch(url) }
    }

    @Test func redirectsAreNotFollowed() throws {
        let origin = try ScriptedOrigin(
            answering: "HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n")
        let received = try CurlTransfer().fetch(origin.url())
        #expect(received.head?.status == 302)
        #expect(received.head?.values("location") == ["/elsewhere"])
        #expect(origin.requests.count == 1)
    }

    @Test func aContentCodingIsNotUndone() throws {
        let origin = try ScriptedOrigin(
            answering: "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\u{1f}abc")
        let received = try CurlTransfer().fetch(origin.url())
        #expect(received.text == "\u{1f}abc")
        #expect(received.head?.values("content-encoding") == ["gzip"])
    }

    @Test func aProxyInTheEnvironmentIsNotUsed() throws {
        for name in ["http_proxy", "all_proxy"] { unsafe setenv(name, "http://127.0.0.1:1", 1) }
        defer { for name in ["http_proxy", "all_proxy"] { unsafe unsetenv(name) } }
        let origin = try ScriptedOrigin()
        #expect(try CurlTransfer().fetch(origin.url()).text == "ok")
    }

    @Test func timingsAreOfTheLastTransfer() throws {
        let origin = try ScriptedOrigin()
        let transfer = try CurlTransfer()
        try transfer.fetch(origin.url())
        #expect(transfer.timings.firstByte > .zero)
        #expect(transfer.timings.tls == .zero)
    }
}
