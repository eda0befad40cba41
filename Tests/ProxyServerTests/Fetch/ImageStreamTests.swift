import Glibc
import ProxyCore
import Testing

@testable import Curl
@testable import ProxyServer

/// Writes down what reaches the client.
private final class RecordingSink: ImageSink {
    var type: MediaType?
    var length: Int?
    var begins = 0
    var bytes: [UInt8] = []
    var wantsBody = true

    func begin(_ arrival: ImageArrival) throws(ProxyError) -> Bool {
        (type, length) = (arrival.type, arrival.length)
        begins += 1
        return wantsBody
    }

    func flush() {}
    var attention: Duration? { nil }
    var isAbandoned: Bool { false }

    func write(_ bytes: RawSpan) throws(ProxyError) { self.bytes += Array(copying: bytes) }
}

@Suite struct ImageStreamTests {
    private let sink = RecordingSink()

    private func stream(
        limit: Int = 1_000_000, holdBack: Int = 1_000, for time: Duration? = nil, servesSVG: Bool = false,
        isConditional: Bool = false
    ) -> ImageStream {
        ImageStream(
            into: sink, addresses: AddressPolicy(), limit: limit, holdBack: HoldBack(bytes: holdBack, time: time),
            servesSVG: servesSVG, isConditional: isConditional)
    }

    private func head(_ status: Int = 200, _ fields: [(String, String)] = [], length: Int? = nil) -> CurlResponseHead {
        var head = CurlResponseHead(status: status)
        head.fields = fields.map { (name: $0.0, value: $0.1) } + (length.map { [("content-length", "\($0)")] } ?? [])
        return head
    }

    /// Feeds a body in pieces; false when the stream wanted no more.
    private func feed(_ bytes: [UInt8], to stream: ImageStream, by size: Int = .max) -> Bool {
        var start = 0
        while start < bytes.count {
            let piece = Array(bytes[start..<min(start &+ min(size, bytes.count), bytes.count)])
            guard stream.received(body: RawSpan(_elements: piece.span)) else { return false }
            start += piece.count
        }
        return true
    }

    @Test("an image passes unchanged however it is cut", arguments: [1, 2, 7, 64, 999, 1_000, 5_000], [true, false])
    func passes(_ piece: Int, _ isAnnounced: Bool) throws {
        let image = Samples.png(3_000)
        let stream = stream()
        #expect(stream.received(head: head(length: isAnnounced ? image.count : nil)))
        #expect(feed(image, to: stream, by: piece))
        try stream.end()
        #expect(sink.bytes == image)
        #expect(sink.type == .png)
        #expect(sink.begins == 1)
        #expect(sink.length == (isAnnounced ? 3_000 : nil))
    }

    @Test("a body of unknown length gets one if it ends within what is held back", arguments: [999, 1_000, 1_001])
    func holdsBack(_ count: Int) throws {
        let stream = stream(holdBack: 1_000)
        #expect(stream.received(head: head()))
        #expect(feed(Samples.png(count), to: stream, by: 100))
        #expect(sink.begins == (count > 1_000 ? 1 : 0), "nothing goes out before")
        try stream.end()
        #expect(sink.length == (count > 1_000 ? nil : count))
        #expect(sink.bytes == Samples.png(count))
    }

    @Test("what is held back waits for a time", arguments: [true, false]) func holdsForATime(_ isPause: Bool) throws {
        let image = Samples.png(90)
        let stream = stream(for: .milliseconds(1))
        #expect(stream.received(head: head()))
        #expect(feed(Array(image[..<30]), to: stream))
        #expect(sink.begins == 0)
        usleep(2_000)
        if isPause { stream.paused() } else { #expect(feed(Array(image[30..<60]), to: stream)) }
        #expect(sink.begins == 1)
        #expect(sink.length == nil)
        #expect(sink.bytes == Array(image[..<(isPause ? 30 : 60)]))
        #expect(feed(Array(image[(isPause ? 30 : 60)...]), to: stream))
        try stream.end()
        #expect(sink.bytes == image)
        #expect(sink.begins == 1)
    }

    @Test func whatIsHeldBackIsSeenToInTime() throws {
        let image = Samples.png(90)
        let stream = stream(for: .seconds(3600))
        #expect(stream.received(head: head()))
        #expect(stream.attention == nil, "nothing is held back yet")
        #expect(feed(Array(image[..<30]), to: stream))
        stream.paused()
        #expect(try #require(stream.attention) > .seconds(3000))
        #expect(feed(Array(image[30...]), to: stream))
        try stream.end()
        #expect(sink.length == 90)
    }

    @Test func anAnnouncedBodyGoesOutAsItComes() {
        let stream = stream()
        #expect(stream.received(head: head(length: 100)))
        #expect(feed(Array(Samples.png(100)[..<30]), to: stream))
        #expect(sink.bytes.count == 30)
    }

    @Test func nothingGoesOutBeforeTheTypeIsKnown() {
        let stream = stream()
        #expect(stream.received(head: head(length: 100)))
        #expect(feed(Array(Samples.png(100)[..<7]), to: stream, by: 1))
        #expect(sink.begins == 0)
        #expect(sink.bytes.isEmpty)
    }

    @Test("what is no image is refused, however it is cut", arguments: [1, 5, 4_096], [true, false])
    func refuses(_ piece: Int, _ isAnnounced: Bool) {
        for body in [Samples.html, [0, 1, 2, 3], [UInt8](repeating: 0x20, count: 5_000), []] {
            let stream = stream(holdBack: 10_000)
            #expect(stream.received(head: head(length: isAnnounced ? body.count : nil)))
            if feed(body, to: stream, by: piece) {
                #expect(throws: ProxyError.upstream(.notAnImage)) { try stream.end() }
            } else {
                #expect(stream.failure == .upstream(.notAnImage))
            }
            #expect(sink.begins == 0)
            #expect(sink.bytes.isEmpty)
        }
    }

    @Test("an image that ends inside its signature is none", arguments: [1, 7]) func tooShort(_ count: Int) {
        let stream = stream()
        #expect(stream.received(head: head()))
        #expect(feed(Samples.png(count), to: stream))
        #expect(throws: ProxyError.upstream(.notAnImage)) { try stream.end() }
    }

    @Test("SVG is served only where it is fenced", arguments: [true, false], [true, false])
    func svg(_ isServed: Bool, _ isAnnounced: Bool) throws {
        let stream = stream(servesSVG: isServed)
        #expect(stream.received(head: head(length: isAnnounced ? Samples.svg.count : nil)))
        let goesOn = feed(Samples.svg, to: stream, by: 3)
        #expect(goesOn == isServed)
        guard isServed else {
            #expect(stream.failure == .upstream(.notAnImage))
            return
        }
        try stream.end()
        #expect(sink.type == .svg)
        #expect(sink.bytes == Samples.svg)
    }

    @Test("an image of exactly the limit passes, one above does not", arguments: [100, 101], [true, false])
    func limit(_ count: Int, _ isAnnounced: Bool) throws {
        let stream = stream(limit: 100, holdBack: 50)
        let takesHead = stream.received(head: head(length: isAnnounced ? count : nil))
        #expect(takesHead == !(isAnnounced && count > 100))
        if takesHead, feed(Samples.png(count), to: stream, by: 10) { try stream.end() }
        #expect(stream.failure == (count > 100 ? .upstream(.tooLarge) : nil))
        #expect(sink.bytes.count <= 100)
    }

    @Test func aBodyLongerThanAnnouncedIsBroken() {
        let stream = stream()
        #expect(stream.received(head: head(length: 50)))
        #expect(!feed(Samples.png(51), to: stream, by: 50))
        #expect(stream.failure == .upstream(.broken))
        #expect(sink.bytes.count == 50)
    }

    @Test("a body shorter than announced is broken", arguments: [0, 7, 40, 49]) func shorter(_ count: Int) {
        let stream = stream()
        #expect(stream.received(head: head(length: 50)))
        #expect(feed(Samples.png(count), to: stream))
        #expect(throws: ProxyError.upstream(.broken)) { try stream.end() }
    }

    @Test("who wants the head alone is satisfied with it", arguments: [true, false]) func satisfied(_ isAnnounced: Bool)
    {
        sink.wantsBody = false
        let stream = stream(holdBack: 10)
        #expect(stream.received(head: head(length: isAnnounced ? 100 : nil)))
        #expect(!feed(Samples.png(100), to: stream))
        guard case .headOnly = stream.outcome else {
            Issue.record("\(String(describing: stream.outcome))")
            return
        }
        #expect(stream.failure == nil)
        #expect(sink.bytes.isEmpty)
        #expect(sink.length == (isAnnounced ? 100 : nil))
    }

    static let heads: [(Int, [(String, String)], ProxyError)] = [
        (404, [], .upstream(.missing(status: 404))), (410, [], .upstream(.missing(status: 410))),
        (206, [], .upstream(.status(206))), (500, [], .upstream(.status(500))), (101, [], .upstream(.status(101))),
        (200, [("content-encoding", "gzip")], .upstream(.encoded)),
        (200, [("content-length", "x")], .upstream(.broken)),
        (302, [], .upstream(.badRedirect)), (200, [("content-length", "1000001")], .upstream(.tooLarge)),
    ]

    @Test("heads that bring no image", arguments: heads)
    func judges(_ status: Int, _ fields: [(String, String)], _ failure: ProxyError) {
        let stream = stream()
        #expect(!stream.received(head: head(status, fields)))
        #expect(stream.failure == failure)
        #expect(stream.redirect == nil)
    }

    @Test("a 304 ends what was asked under a condition, and is no image else", arguments: [true, false])
    func notModified(_ isConditional: Bool) {
        let stream = stream(isConditional: isConditional)
        #expect(!stream.received(head: head(304, [("cache-control", "max-age=60")])))
        #expect(stream.failure == (isConditional ? nil : .upstream(.status(304))))
        guard isConditional else { return #expect(!stream.isEnded) }
        guard case .notModified(let fields, _, _) = stream.outcome else { return #expect(Bool(false)) }
        #expect(fields.cacheControl == ["max-age=60"])
        #expect(sink.begins == 0)
    }

    @Test func aRedirectStopsTheHop() {
        let stream = stream()
        #expect(!stream.received(head: head(302, [("location", "/b")])))
        #expect(stream.redirect == "/b")
        #expect(stream.failure == nil)
    }
}
