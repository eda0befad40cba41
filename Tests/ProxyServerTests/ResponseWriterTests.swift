import ProxyCore
import Testing

@testable import ProxyServer

@Suite struct ResponseWriterTests {
    private let request = MemoryRequest()
    private let head = ResponseHead(status: 200, contentType: "image/png", contentLength: 3, cacheStatus: .hit)

    private func write(_ bytes: [UInt8], _ writer: ResponseWriter) throws(ProxyError) {
        try writer.write(RawSpan(_elements: bytes.span))
    }

    @Test func theHeadTravelsWithTheFirstBytes() throws {
        let writer = ResponseWriter(for: request, isHead: false)
        writer.begin(head)
        #expect(!writer.hasBegun)
        #expect(request.writes == 0)
        try write([1], writer)
        try write([2, 3], writer)
        try writer.flush()
        #expect(request.writes == 2)
        #expect(request.written == head.bytes + [1, 2, 3])
        #expect(writer.bodyBytes == 3)
        #expect(writer.status == 200)
        #expect(writer.cacheStatus == .hit)
    }

    @Test func aHeadWithoutABodyIsFlushed() throws {
        let writer = ResponseWriter(for: request, isHead: false)
        writer.begin(head)
        try writer.flush()
        try writer.flush()
        #expect(request.written == head.bytes)
        #expect(request.writes == 1)
    }

    @Test func forHEADTheBodyIsDropped() throws {
        let writer = ResponseWriter(for: request, isHead: true)
        try writer.send(head, [1, 2, 3])
        try write([4], writer)
        #expect(request.written == head.bytes)
        #expect(writer.bodyBytes == 0)
        #expect(writer.hasBegun)
    }

    @Test func aPeerThatLeftIsAClientThatIsGone() {
        request.capacity = 10
        let writer = ResponseWriter(for: request, isHead: false)
        #expect(throws: ProxyError.clientGone) { try writer.send(head, [1, 2, 3]) }
        #expect(writer.hasBegun, "some of it may have arrived")
        #expect(writer.bodyBytes == 0)
    }
}
