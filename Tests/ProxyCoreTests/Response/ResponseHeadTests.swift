import ProxyCore
import Testing

@Suite struct ResponseHeadTests {
    @Test func isAHeadInCGIForm() {
        var head = ResponseHead(status: 200, contentType: "image/png", contentLength: 12, cacheStatus: .hit)
        head.fields = [("Cache-Control", "no-store"), ("X-A", "b")]
        let expected = [
            "Status: 200 OK", "Content-Type: image/png", "Content-Length: 12", "Cache-Status: image-proxy; hit",
            "Cache-Control: no-store", "X-A: b", "X-Content-Type-Options: nosniff",
            "Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox",
            "Cross-Origin-Resource-Policy: cross-origin", "", "",
        ]
        #expect(String(decoding: head.bytes, as: UTF8.self) == expected.joined(separator: "\r\n"))
    }

    @Test func anUnknownLengthIsNotNamed() {
        let head = ResponseHead(status: 200, contentType: "image/png", contentLength: nil, cacheStatus: .none)
        #expect(!String(decoding: head.bytes, as: UTF8.self).contains("Content-Length"))
    }

    static let phrases = [
        (200, "OK"), (206, "Partial Content"), (304, "Not Modified"), (400, "Bad Request"), (403, "Forbidden"),
        (404, "Not Found"),
        (405, "Method Not Allowed"), (410, "Gone"), (416, "Range Not Satisfiable"), (502, "Bad Gateway"),
        (503, "Service Unavailable"),
        (504, "Gateway Timeout"), (299, "Error"),
    ]

    @Test("reason phrases of RFC 9110", arguments: phrases) func reasonPhrases(_ status: Int, _ phrase: String) {
        #expect(ResponseHead.reasonPhrase(status) == phrase)
    }
}
