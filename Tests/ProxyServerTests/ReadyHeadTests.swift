import ProxyCore
import Testing

@testable import ProxyServer

@Suite struct ReadyHeadTests {
    private static let start: Int64 = 1_700_000_000_000

    /// Generated at `start`, fresh for a minute.
    private let image: CachedImage = {
        let record = ImageRecord(
            contentType: "image/png", size: 100, cachedAt: start, expiresAt: start + 60_000,
            extra: [JSONField("etag", .string("a"))])
        let key = CacheKeyTemplate(prefix: "m:").key(for: "https://a.example/a.png")
        let read = CachedImage(
            type: .png, record: record, fingerprint: RecordFingerprint(key: key, tail: [], length: 100),
            body: WholeBody([], 0..<0))
        return CachedImage(MemoryEntry(read, [UInt8](repeating: 0, count: 100), readAt: .now))
    }()

    private func respond(
        after seconds: Int64, _ params: [String: String] = [:], method: String = "GET",
        _ adjust: (inout Configuration) -> Void = { _ in }
    ) -> ImageResponse {
        var configuration = Samples.configuration
        adjust(&configuration)
        let now = Self.start + seconds * 1000
        return ImageResponder(configuration, clock: { now }).response(
            to: Exchange(MemoryRequest(method: method, params)), image,
            .hit(freshnessLeft: image.stored.freshnessLeft(at: now)))
    }

    @Test("the head tells the time of its own request", arguments: [[0, 0, 1], [7, 6, 7, 59, 61]])
    func followsTheClock(_ seconds: [Int64]) throws {
        for second in seconds {
            let response = respond(after: second)
            let bytes = try #require(response.headBytes)
            #expect(bytes == response.head.bytes)
            let head = Response(bytes)
            #expect(head["Age"] == "\(second)")
            #expect(head["Cache-Control"] == "public, max-age=\(max(0, 60 - second))")
            #expect(head["Cache-Status"] == "image-proxy; hit; ttl=\(60 - second)")
            #expect(response.body == 0..<100)
        }
    }

    @Test("what is left of its freshness is its own, too, where no status tells it")
    func followsTheClockWithoutAStatus() {
        let stored = StoredResponse(generatedAt: Self.start, freshUntil: Self.start + 60_500)
        let ready = ReadyHead()
        for (milliseconds, left) in [(0, 60), (400, 60), (600, 59), (999, 59), (1_000, 59)] {
            let now = Self.start + Int64(milliseconds)
            let response = ImageResponder(Samples.configuration, clock: { now }).response(
                to: Exchange(MemoryRequest()), .png, size: 100, stored, .forwarded(.uriMiss), sharing: ready)
            #expect(Response(response.headBytes ?? [])["Cache-Control"] == "public, max-age=\(left)")
        }
    }

    @Test("who asks for less than the whole image has a head of its own")
    func conditions() {
        _ = respond(after: 1)
        for (params, status) in [
            (["HTTP_IF_NONE_MATCH": "\"a\""], 304), (["HTTP_RANGE": "bytes=0-1"], 206),
            (["HTTP_RANGE": "bytes=100-"], 416),
        ] {
            #expect(respond(after: 1, params).head.status == status)
        }
        #expect(respond(after: 1).head.status == 200)
        #expect(respond(after: 1, method: "HEAD").headBytes == respond(after: 1).headBytes)
    }

    @Test("times of the request itself are nobody else's")
    func serverTiming() {
        _ = respond(after: 1)
        let response = respond(after: 1) { $0.server.sendsServerTiming = true }
        #expect(response.headBytes == nil)
        #expect(Response(response.head.bytes)["Server-Timing"] != nil)
    }

    @Test("an image that is not in memory has no head that stays")
    func fromRedis() {
        let read = CachedImage(
            type: image.type, record: image.record, fingerprint: image.fingerprint, body: WholeBody([], 0..<0))
        let responder = ImageResponder(Samples.configuration, clock: { Self.start })
        #expect(responder.response(to: Exchange(MemoryRequest()), read, .hit).headBytes == nil)
    }
}
