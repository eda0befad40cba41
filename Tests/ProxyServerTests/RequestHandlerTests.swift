import FastCGI
import Foundation
import ProxyCore
import Testing

@testable import ProxyServer

/// One request through the handler, from its params to its last byte, over a cache in memory.
@Suite struct RequestHandlerTests {
    private let tier = TierDouble()
    private let metrics = Metrics()
    private static let now: Int64 = 1_700_000_000_000
    private static let url = "https://a.example/b.png"
    private static let query = "url=https%3A%2F%2Fa.example%2Fb.png"

    private func handler(
        cached: Bool = true, _ adjust: (inout Configuration) -> Void = { _ in }
    ) -> RequestHandler {
        var configuration = Samples.configuration
        adjust(&configuration)
        return RequestHandler(
            Services(
                configuration, cache: cached ? tier : nil, turnstile: Turnstile(limit: 4), work: WorkQueue(),
                metrics: metrics,
                logger: Samples.silent, clock: { Self.now }),
            workers: 4)
    }

    /// Answers `request` and returns the response, which must have been ended once.
    @discardableResult
    private func answer(
        _ request: MemoryRequest, _ handler: RequestHandler? = nil, end: MemoryRequest.End = .finished
    ) -> Response {
        (handler ?? self.handler()).handle(request)
        #expect(request.ends == [end])
        return request.response
    }

    private func keep(_ bytes: [UInt8], _ type: MediaType = .png, secondsLeft: Int64 = 60) {
        tier[Self.url] = TierDouble.Entry(type: type, bytes: bytes, expiresAt: Self.now + secondsLeft * 1000)
    }

    static let refused: [(String, Int, reason: String)] = [
        ("", 400, "missing"), ("url=", 400, "empty"), ("url=/a.png", 400, "relative"),
        ("u=https://a/b", 400, "other name"),
        ("url=https://a.example/b&url=https://a.example/c", 400, "twice"), ("url=https://a.example/%zz", 400, "escape"),
        ("url=https://a.example/a%0d%0ab", 400, "CR LF"), ("url=https://[::1", 400, "host"),
        ("url=https://a.example/" + String(repeating: "a", count: 9_000), 400, "long"),
        ("url=ftp://a.example/b.png", 403, "scheme"), ("url=https://u:p@a.example/b.png", 403, "userinfo"),
        ("url=https://other.example/b.png", 403, "host"), ("url=https://a.example:8443/b.png", 403, "port"),
        ("url=file:///etc/passwd", 403, "scheme"),
    ]

    @Test("what names no image that may be fetched", arguments: refused)
    func refuses(_ query: String, _ status: Int, _ what: String) throws {
        let handler = handler {
            $0.source.allowedHosts = ["a.example"]
            $0.source.allowedPorts = [443]
        }
        let response = answer(MemoryRequest(query), handler)
        #expect(response.status == status)
        #expect(response["Content-Type"] == "application/problem+json")
        #expect(response["Cache-Control"] == "no-store")
        #expect(response["Content-Length"] == "\(response.body.count)")
        let problem = try #require(JSONSerialization.jsonObject(with: Data(response.body)) as? [String: Any])
        #expect(problem["status"] as? Int == status)
        #expect(problem["type"] as? String == "about:blank")
        #expect(problem["title"] as? String == ResponseHead.reasonPhrase(status))
        #expect(problem["detail"] is String)
        #expect(!response.text.contains("example"), "nothing of the request is repeated")
        #expect(metrics.errors.count == 1)
    }

    @Test("other methods", arguments: ["POST", "PUT", "DELETE", "OPTIONS", "get", ""]) func methods(_ method: String) {
        keep(Samples.png(100))
        let response = answer(MemoryRequest(Self.query, method: method))
        #expect(response.status == 405)
        #expect(response["Allow"] == "GET, HEAD")
    }

    @Test func aHitIsServedAsItIs() {
        keep(Samples.png(100), secondsLeft: 61)
        let response = answer(MemoryRequest(Self.query))
        #expect(response.status == 200)
        #expect(response.body == Samples.png(100))
        #expect(response["Content-Type"] == "image/png")
        #expect(response["Content-Length"] == "100")
        #expect(response["Cache-Status"] == "image-proxy; hit; ttl=61")
        #expect(response["Cache-Control"] == "public, max-age=61")
        #expect(metrics.hits.count == 1)
        #expect(metrics.bytesServed.count == 100)
    }

    @Test func aHEADIsAnsweredWithTheHeadOfTheGET() {
        keep(Samples.png(100))
        let get = answer(MemoryRequest(Self.query))
        let head = answer(MemoryRequest(Self.query, method: "HEAD"))
        #expect(head.fields.elementsEqual(get.fields, by: ==))
        #expect(head.body.isEmpty)
    }

    @Test func aHEADErrorHasNoBody() {
        let response = answer(MemoryRequest("", method: "HEAD"))
        #expect(response.status == 400)
        #expect(response.body.isEmpty)
        #expect(response["Content-Length"] != "0")
    }

    @Test func aHitThatTurnsOutDamagedIsCut() {
        keep(Samples.png(100))
        tier.breakOff(after: 3)
        let response = answer(MemoryRequest(Self.query), end: .aborted)
        #expect(response.body.count == 30)
        #expect(metrics.errors.count == 1)
    }

    @Test func aClientThatLeavesIsNoError() {
        keep(Samples.png(100))
        let request = MemoryRequest(Self.query)
        request.capacity = 0
        answer(request, end: .aborted)
        #expect(metrics.clientsGone.count == 1)
        #expect(metrics.errors.count == 0)
    }

    @Test("security fields on every response", arguments: ["/image", "/health", "/stats", "/metrics"])
    func security(_ path: String) {
        keep(Samples.png(100))
        for (query, method) in [(Self.query, "GET"), (Self.query, "HEAD"), ("", "GET"), ("", "POST")] {
            let response = answer(MemoryRequest(query, method: method, path: path, ["REMOTE_ADDR": "127.0.0.1"]))
            #expect(response["X-Content-Type-Options"] == "nosniff")
            #expect(
                response["Content-Security-Policy"]
                    == "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox")
            #expect(response["Cross-Origin-Resource-Policy"] == "cross-origin")
            #expect(response["Cache-Status"]?.hasPrefix("image-proxy; ") == true)
            #expect(response["Access-Control-Allow-Origin"] == nil)
        }
    }

    @Test("the CORS origin is sent as configured", arguments: [query, "url=x"]) func cors(_ query: String) {
        keep(Samples.png(100))
        let handler = handler { $0.server.corsOrigin = "https://www.example.com" }
        #expect(answer(MemoryRequest(query), handler)["Access-Control-Allow-Origin"] == "https://www.example.com")
    }

    @Test func svgIsAnAttachment() {
        let handler = handler { $0.media.svg = .fence }
        keep(Samples.svg, .svg)
        #expect(answer(MemoryRequest(Self.query), handler)["Content-Disposition"] == "attachment")
        keep(Samples.png(100))
        #expect(answer(MemoryRequest(Self.query), handler)["Content-Disposition"] == nil)
    }

    static let signed: [(query: String, path: String, hosts: [String], status: Int)] = [
        ("x=y", "/image", [], 403),
        ("s=\(signature)", "/image", [], 200), ("s=\(signature)", "/image", ["a.example"], 200),
        ("s=\(signature)", "/image", ["b.example"], 403), ("s=x\(signature)", "/image", [], 403),
        ("", "/p/\(camo)", [], 200), ("", "/p/\(camo)0", [], 403), ("", "/p/\(camo)", ["b.example"], 403),
        ("", "/p/health", [], 200),
    ]
    private static let signature = "JnZuEcmZVvEZxQWQsV73RliiwST2ABqbKVasxJ0WH1s"
    private static let camo =
        "815bf598cc037abc0b526961837225ac47860e0f/" + "68747470733a2f2f612e6578616d706c652f622e706e67"

    @Test("where a key is set, a request has to be signed", arguments: signed)
    func signing(_ signature: String, _ path: String, _ hosts: [String], _ status: Int) {
        keep(Samples.png(100))
        let handler = handler {
            $0.signing.keys = [Secret("key")]
            $0.signing.dialects = [.own, .camo]
            $0.source.allowedHosts = hosts
        }
        let request = MemoryRequest(signature.isEmpty ? "" : "\(Self.query)&\(signature)", path: path)
        #expect(answer(request, handler).status == status)
    }

    static let callers: [(String?, [String], Int)] = [
        ("127.0.0.1", ["127.0.0.0/8", "::1/128"], 200), ("127.9.9.9", ["127.0.0.0/8", "::1/128"], 200),
        ("::1", ["127.0.0.0/8", "::1/128"], 200), ("10.0.0.1", ["127.0.0.0/8", "::1/128"], 403),
        ("::2", ["127.0.0.0/8", "::1/128"], 403), (nil, ["127.0.0.0/8"], 403), ("", ["127.0.0.0/8"], 403),
        ("localhost", ["127.0.0.0/8"], 403), ("10.0.0.1", ["10.0.0.0/8"], 200), ("127.0.0.1", [], 403),
    ]

    @Test("statistics are for the operator's networks", arguments: callers)
    func admins(_ address: String?, _ networks: [String], _ status: Int) {
        let handler = handler { $0.server.adminNetworks = networks }
        let request = MemoryRequest(path: "/stats", address.map { ["REMOTE_ADDR": $0] } ?? [:])
        #expect(answer(request, handler).status == status)
    }

    @Test("statistics tell what is in the cache, if it answers", arguments: [true, false]) func stats(_ isThere: Bool)
        throws
    {
        keep(Samples.png(100))
        tier.isAvailable = isThere
        let response = answer(MemoryRequest(path: "/stats", ["REMOTE_ADDR": "127.0.0.1"]))
        #expect(response["Content-Type"] == "application/json")
        #expect(response["Cache-Control"] == "no-store")
        let object = try #require(JSONSerialization.jsonObject(with: Data(response.body)) as? [String: Any])
        #expect(object["totalImages"] as? Int == (isThere ? 1 : 0))
        #expect(object["totalSize"] as? Int == (isThere ? 100 : 0))
        #expect(object["oldestCache"] is NSNull)
        #expect(object["cacheAvailable"] as? Bool == isThere)
        #expect(object["requests"] is Int)
    }

    @Test("health says whether the cache is there", arguments: [(true, "ok\n"), (false, "degraded\n")])
    func health(_ isThere: Bool, _ body: String) {
        tier.isAvailable = isThere
        let response = answer(MemoryRequest(path: "/health"))
        #expect(response.status == 200)
        #expect(response.text == body)
        #expect(response["Cache-Control"] == "no-store")
    }

    @Test func withoutACacheThereIsNothingToDegrade() {
        #expect(answer(MemoryRequest(path: "/health"), handler(cached: false)).text == "ok\n")
    }

    @Test func aMissIsFetchedServedAndStored() throws {
        let image = Samples.png(5_000)
        let origin = try Origin(["/a.png": Origin.image(image, "X-Accel-Redirect: /secret\r\nSet-Cookie: a=b\r\n")])
        let handler = handler()
        let response = answer(MemoryRequest("url=\(origin.url("/a.png"))"), handler)
        #expect(response.status == 200)
        #expect(response.body == image)
        #expect(response["Content-Length"] == "5000")
        #expect(response["Cache-Status"] == "image-proxy; fwd=uri-miss; fwd-status=200; stored")
        #expect(response["X-Accel-Redirect"] == nil)
        #expect(response["Set-Cookie"] == nil)
        #expect(handler.services.storeQueue.drain(until: .now + .seconds(60)))
        #expect(tier[origin.url("/a.png")]?.bytes == image)
        #expect(tier.metadata(of: origin.url("/a.png"))?.width == 37)
        #expect(handler.services.storeBudget.usage == 0)
        let again = answer(MemoryRequest("url=\(origin.url("/a.png"))"), handler)
        #expect(again["Cache-Status"] == "image-proxy; hit; ttl=86400")
        #expect(again.body == image)
    }

    @Test func aDamagedRecordIsReplaced() throws {
        let origin = try Origin(["/a.png": Origin.image(Samples.png(100))])
        tier.damage("base64")
        let handler = handler()
        #expect(answer(MemoryRequest("url=\(origin.url("/a.png"))"), handler).body == Samples.png(100))
        #expect(handler.services.storeQueue.drain(until: .now + .seconds(60)))
        #expect(tier[origin.url("/a.png")]?.bytes == Samples.png(100))
        #expect(metrics.damagedRecords.count == 1)
    }

    @Test func aHEADThatMissesStoresNothing() throws {
        let origin = try Origin(["/a.png": Origin.image(Samples.png(100))])
        let handler = handler()
        let response = answer(MemoryRequest("url=\(origin.url("/a.png"))", method: "HEAD"), handler)
        #expect(response.status == 200)
        #expect(response["Content-Length"] == "100")
        #expect(response["Cache-Status"] == "image-proxy; fwd=uri-miss; fwd-status=200")
        #expect(response.body.isEmpty)
        #expect(handler.services.storeQueue.drain(until: .now + .seconds(60)))
        #expect(tier[origin.url("/a.png")] == nil)
    }

    @Test(
        "what the origin does wrong",
        arguments: [
            ("/missing", 404), ("/gone", 410), ("/error", 502), ("/html", 502), ("/encoded", 502), ("/loop", 502),
            ("/inside", 403), ("/elsewhere", 403), ("/short", 502),
        ]) func failures(_ path: String, _ status: Int) throws
    {
        func answer(_ head: String) -> [UInt8] { Array("HTTP/1.1 \(head)\r\nContent-Length: 0\r\n\r\n".utf8) }
        let origin = try Origin([
            "/gone": answer("410 Gone"), "/error": answer("500 Oops"), "/html": Origin.image(Samples.html),
            "/encoded": Origin.image(Samples.png(100), "Content-Encoding: gzip\r\n"),
            "/loop": answer("302 Found\r\nLocation: /loop"),
            "/inside": answer("302 Found\r\nLocation: http://169.254.169.254/latest"),
            "/elsewhere": answer("302 Found\r\nLocation: ftp://a.example/"),
            "/short": Array("HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n".utf8),
        ])
        let response = self.answer(MemoryRequest("url=\(origin.url(path))"))
        #expect(response.status == status)
        #expect(response["Content-Type"] == "application/problem+json")
        #expect(!response.text.contains("127.0.0.1"))
    }

    @Test func anImageThatBreaksOffIsCutAndNotStored() throws {
        let cut = Array(Origin.image(Samples.png(500_000)).dropLast(1))
        let origin = try Origin(["/a.png": cut])
        let handler = handler()
        answer(MemoryRequest("url=\(origin.url("/a.png"))"), handler, end: .aborted)
        #expect(handler.services.storeQueue.drain(until: .now + .seconds(60)))
        #expect(tier[origin.url("/a.png")] == nil)
        #expect(tier.metadata(of: origin.url("/a.png")) == nil)
        #expect(handler.services.storeBudget.usage == 0)
    }

    @Test func aRedirectIsFollowed() throws {
        let origin = try Origin([
            "/a": Array("HTTP/1.1 302 Found\r\nLocation: b?c\r\nContent-Length: 0\r\n\r\n".utf8),
            "/b?c": Origin.image(Samples.png(100)),
        ])
        let handler = handler()
        #expect(answer(MemoryRequest("url=\(origin.url("/a"))"), handler).body == Samples.png(100))
        #expect(handler.services.storeQueue.drain(until: .now + .seconds(60)))
        #expect(tier[origin.url("/a")] != nil, "it is kept under the URL that was asked for")
    }

    @Test func anAddressThatIsNotAllowedIsRefused() throws {
        let origin = try Origin(["/a.png": Origin.image(Samples.png(100))])
        let handler = handler { $0.source.allowedNetworks = [] }
        let response = answer(MemoryRequest("url=\(origin.url("/a.png"))"), handler)
        #expect(response.status == 403)
    }

    @Test func anOversizedImageIsServedAndNotStored() throws {
        let origin = try Origin(["/a.png": Origin.image(Samples.png(5_000))])
        let handler = handler { $0.cache.maximumSize = ByteCount(4_999) }
        let response = answer(MemoryRequest("url=\(origin.url("/a.png"))"), handler)
        #expect(response.body.count == 5_000)
        #expect(response["Cache-Status"] == "image-proxy; fwd=uri-miss; fwd-status=200")
        #expect(handler.services.storeQueue.drain(until: .now + .seconds(60)))
        #expect(tier[origin.url("/a.png")] == nil)
        #expect(tier.metadata(of: origin.url("/a.png"))?.size == 5_000)
        #expect(metrics.tooLarge.count == 1)
    }

    @Test func aClientThatLeftBeforeTheFetchCostsTheOriginNothing() throws {
        let request = MemoryRequest(Self.query)
        request.isPeerGone = true
        answer(request, end: .aborted)
        #expect(metrics.bytesFetched.count == 0)
        #expect(metrics.clientsGone.count == 1)
    }
}
