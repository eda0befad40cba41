import ProxyCore
import Testing

@testable import ProxyServer

private let now: Int64 = 1_700_000_000_000

/// Ten seconds old, fresh for fifty more.
private let sample = StoredResponse(
    validators: Validators(etag: EntityTag("\"a\""), lastModified: 784_111_777), generatedAt: now - 10_000,
    freshUntil: now + 50_000, staleWhileRevalidate: 30)

@Suite struct ImageResponderTests {
    private func respond(
        _ params: [String: String] = [:], method: String = "GET", size: Int? = 100, _ stored: StoredResponse? = sample,
        type: MediaType = .png, mayBePart: Bool = true, _ adjust: (inout Configuration) -> Void = { _ in }
    ) -> (fields: Response, body: Range<Int>) {
        var configuration = Samples.configuration
        adjust(&configuration)
        let response = ImageResponder(configuration, clock: { now }).response(
            to: Exchange(MemoryRequest(method: method, params)), type, size: size, stored, .hit, mayBePart: mayBePart)
        return (Response(response.head.bytes), response.body)
    }

    static let tag = "HTTP_IF_NONE_MATCH"
    static let date = "HTTP_IF_MODIFIED_SINCE"
    static let range = "HTTP_RANGE"
    static let ifRange = "HTTP_IF_RANGE"
    static let then = "Sun, 06 Nov 1994 08:49:37 GMT"
    static let before = "Sun, 06 Nov 1994 08:49:36 GMT"

    static let table: [([String: String], Int, Range<Int>)] = [
        ([:], 200, 0..<100),
        ([tag: "\"a\""], 304, 0..<0), ([tag: "W/\"a\""], 304, 0..<0), ([tag: "*"], 304, 0..<0),
        ([tag: "\"b\", \"a\""], 304, 0..<0), ([tag: "\"b\""], 200, 0..<100), ([tag: "a"], 200, 0..<100),
        ([date: then], 304, 0..<0), ([date: before], 200, 0..<100), ([date: "yesterday"], 200, 0..<100),
        ([tag: "\"b\"", date: then], 200, 0..<100), ([tag: "\"a\"", date: before], 304, 0..<0),
        ([range: "bytes=0-"], 206, 0..<100), ([range: "bytes=99-99"], 206, 99..<100),
        ([range: "bytes=-1"], 206, 99..<100), ([range: "bytes=10-1000"], 206, 10..<100),
        ([range: "bytes=100-"], 416, 0..<0), ([range: "bytes=-0"], 416, 0..<0),
        ([range: "bytes=0-1,3-4"], 200, 0..<100), ([range: "lines=0-1"], 200, 0..<100),
        ([range: "bytes=5-4"], 200, 0..<100),
        ([range: "bytes=0-1", ifRange: "\"a\""], 206, 0..<2), ([range: "bytes=0-1", ifRange: "\"b\""], 200, 0..<100),
        ([range: "bytes=0-1", ifRange: then], 206, 0..<2), ([range: "bytes=0-1", ifRange: before], 200, 0..<100),
        ([range: "bytes=0-1", tag: "\"a\""], 304, 0..<0), ([range: "bytes=100-", tag: "\"a\""], 304, 0..<0),
    ]

    @Test("conditions and ranges", arguments: table)
    func answers(_ params: [String: String], _ status: Int, _ body: Range<Int>) {
        let (head, part) = respond(params)
        #expect(head.status ?? 200 == status)
        #expect(part == body)
        switch status {
        case 206:
            #expect(head["Content-Range"] == "bytes \(body.lowerBound)-\(body.upperBound - 1)/100")
            #expect(head["Content-Length"] == "\(body.count)")
        case 416:
            #expect(head["Content-Range"] == "bytes */100")
            #expect(head["Content-Length"] == "0")
            #expect(head["Cache-Control"] == "no-store")
            #expect(head["ETag"] == nil)
        case 304:
            #expect(head["Content-Length"] == nil)
            #expect(head["Content-Type"] == nil)
            #expect(head["Content-Range"] == nil)
        default:
            #expect(head["Content-Range"] == nil)
            #expect(head["Content-Length"] == "100")
        }
        guard status != 416 else { return }
        // RFC 9110, 15.4.5: what a 200 would have said of the client's copy, a 304 says too.
        #expect(head["ETag"] == "\"a\"")
        #expect(head["Last-Modified"] == Self.then)
        #expect(head["Cache-Control"] == "public, max-age=50, stale-while-revalidate=30")
        #expect(head["Age"] == "10")
        #expect(head["Accept-Ranges"] == (status == 304 ? nil : "bytes"))
    }

    @Test("HEAD is answered as GET, without ranges", arguments: table)
    func head(_ params: [String: String], _ status: Int, _ body: Range<Int>) {
        let (head, part) = respond(params, method: "HEAD")
        let isPartial = status == 206 || status == 416
        #expect(head.status ?? 200 == (isPartial ? 200 : status))
        #expect(part == (isPartial ? 0..<100 : body))
    }

    @Test(
        "what is not stored is nobody's to keep", arguments: [100, nil], [[:], [tag: "\"a\""], [range: "bytes=0-1"]])
    func unstorable(_ size: Int?, _ params: [String: String]) {
        let (head, body) = respond(params, size: size, nil)
        #expect(head.status ?? 200 == 200)
        #expect(body == 0..<(size ?? .max))
        #expect(head["Content-Length"] == size.map(String.init))
        #expect(head["Cache-Control"] == "private, no-store")
        for name in ["ETag", "Last-Modified", "Age", "Accept-Ranges", "Content-Range"] { #expect(head[name] == nil) }
    }

    @Test func withoutALengthThereIsNoRange() {
        let (head, body) = respond([Self.range: "bytes=0-1"], size: nil)
        #expect(head.status ?? 200 == 200)
        #expect(body == 0..<Int.max)
        #expect(head["Content-Length"] == nil)
        #expect(head["Accept-Ranges"] == nil)
        #expect(head["ETag"] == "\"a\"")
    }

    @Test("where a part would be read in vain all is sent", arguments: ["bytes=0-1", "bytes=100-"])
    func whole(_ range: String) {
        let (head, body) = respond([Self.range: range], mayBePart: false)
        #expect(head.status ?? 200 == 200)
        #expect(body == 0..<100)
        #expect(head["Accept-Ranges"] == "bytes")
    }

    static let ages: [(Int64, Int64, Int, control: String, age: String)] = [
        (0, 60_000, 0, "public, max-age=60", "0"), (-10_999, 999, 0, "public, max-age=0", "10"),
        (-10_000, -1, 0, "public, max-age=0", "10"),
        (-10_000, -5_000, 9, "public, max-age=0, stale-while-revalidate=9", "10"),
        (5_000, 60_000, 0, "public, max-age=60", "0"), (-86_400_000, 1_000, 0, "public, max-age=1", "86400"),
    ]

    @Test("what is left of its freshness, and its age", arguments: ages)
    func remaining(_ generated: Int64, _ until: Int64, _ window: Int, _ control: String, _ age: String) {
        let stored = StoredResponse(
            generatedAt: now + generated, freshUntil: now + until, staleWhileRevalidate: window)
        let (head, _) = respond(stored)
        #expect(head["Cache-Control"] == control)
        #expect(head["Age"] == age)
        for name in ["ETag", "Last-Modified"] { #expect(head[name] == nil) }
    }

    private func respond(_ stored: StoredResponse) -> (Response, Range<Int>) { respond([:], stored) }

    @Test("SVG is an attachment, whatever the answer", arguments: [[:], [tag: "*"], [range: "bytes=0-1"]])
    func svg(_ params: [String: String]) {
        #expect(respond(params, type: .svg).fields["Content-Disposition"] == "attachment")
        #expect(respond(params).fields["Content-Disposition"] == nil)
    }

    @Test("every answer may be read by the origin that is configured", arguments: table)
    func cors(_ params: [String: String], _ status: Int, _ body: Range<Int>) {
        let (head, _) = respond(params) { $0.server.corsOrigin = "*" }
        #expect(head["Access-Control-Allow-Origin"] == "*")
    }
}
