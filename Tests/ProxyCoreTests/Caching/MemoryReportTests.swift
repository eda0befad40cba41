import Testing

@testable import ProxyCore

@Suite struct MemoryReportTests {
    private let record = ImageRecord(
        contentType: "image/png", size: 12345, cachedAt: 1_700_000_000_000, expiresAt: 1_700_086_400_000)

    @Test("what is written is read", arguments: [true, false, nil]) func reads(_ isCurrent: Bool?) throws {
        let report = MemoryReport("https://h/a?b=\"c\"", MemoryReport.Entry(record, isCurrent: isCurrent))
        #expect(try MemoryReport.parse(report.encoded().span) == report)
    }

    @Test func nothingIsInMemory() throws {
        let report = MemoryReport("https://h/a", nil)
        #expect(String(decoding: report.encoded(), as: UTF8.self) == #"{"url":"https://h/a","inMemory":false}"#)
        #expect(try MemoryReport.parse(report.encoded().span) == report)
    }

    @Test(
        "what no server of ours has said",
        arguments: ["", "[]", "{}", #"{"url":"u"}"#, #"{"url":"u","inMemory":true}"#])
    func refuses(_ text: String) {
        #expect(throws: RecordError.self) { try MemoryReport.parse(Array(text.utf8).span) }
    }

    @Test func itIsAskedForWithEveryByteEscaped() {
        #expect(
            MemoryReport.location(of: "https://h/a?b=c&d e", at: "http://127.0.0.1/api/image-proxy")?.text
                == "http://127.0.0.1/api/image-proxy/stats?url=https%3A%2F%2Fh%2Fa%3Fb%3Dc%26d%20e")
        #expect(MemoryReport.location(of: "https://h/a", at: "/api/image-proxy") == nil)
    }
}
