import ProxyCore
import Testing

@testable import ProxyServer

/// What is agreed with other processes before the origin is asked, and what becomes of a stale image.
@Suite struct ForwardingTests {
    private static let image = Samples.png(5_000)
    private static let old = Samples.png(4_000)
    private let bench = FetchBench()

    private func origin() throws -> HeldOrigin {
        try HeldOrigin { connection, _ in connection.send(image: Self.image) }
    }

    private func expect(_ request: MemoryRequest, _ body: [UInt8], _ status: String) {
        #expect(request.response.status == 200)
        #expect(request.response.body == body)
        #expect(request.response["Cache-Status"] == status)
        #expect(request.ends == [.finished])
    }

    private static let fetched = "image-proxy; fwd=uri-miss; fwd-status=200; stored"
    private static let fetchedOnce = "image-proxy; hit; ttl=86400"
}

// MARK: - Redirects

extension ForwardingTests {
    /// Eleven of fourteen places are the most that one origin gets, under whatever names it is asked.
    @Test func hostsThatRedirectToOneSlowOriginLeavePlacesToOthers() throws {
        let bench = FetchBench(workers: 16)
        let gate = Gate()
        let slow = try HeldOrigin { connection, _ in
            gate.wait()
            connection.send(image: Self.image)
        }
        let place = slow.url()
        let redirecting = try (0..<14).map { _ in
            try HeldOrigin { connection, _ in
                connection.send("302 Found", "Location: \(place)", "Content-Length: 0")
            }
        }
        let requests = redirecting.map { bench.start($0.url()) }
        for _ in 0..<11 { #expect(slow.waitForRequest()) }
        func refused() -> [MemoryRequest] { requests.filter { $0.ends == [.finished] } }
        #expect(eventually { refused().count == 3 })
        for request in refused() { #expect(request.response.status == 503) }
        let other = try origin()
        expect(bench.handle(other.url()), Self.image, Self.fetched)
        for _ in 0..<11 { gate.open() }
        #expect(bench.settle())
        #expect(requests.filter { $0.response.status == 200 }.count == 11)
        #expect(slow.requests.count == 11)
    }
}

// MARK: - Damage

extension ForwardingTests {
    @Test func aHitThatIsFoundDamagedBeforeAnyOfItHasGoneOutIsAMiss() throws {
        let origin = try origin()
        bench.keep(Self.old, of: origin.url(), left: 60)
        bench.tier.breakOff(after: 0)
        expect(bench.handle(origin.url()), Self.image, Self.fetched)
        #expect(bench.settle())
        #expect(bench.metrics.damagedRecords.count == 1)
        #expect(bench.tier[origin.url()]?.bytes == Self.image)
    }

    @Test func aStaleHitThatIsFoundDamagedIsAskedForAnew() throws {
        let origin = try HeldOrigin { connection, _ in
            connection.send("304 Not Modified", "ETag: \"a\"")
        }
        bench.keep(Self.old, of: origin.url(), left: -1)
        bench.tier.breakOff(after: 0)
        let request = bench.handle(origin.url())
        #expect(bench.settle())
        // The origin says that it is unchanged, twice, and nobody has it.
        #expect(request.response.status == 502)
        #expect(request.ends == [.finished])
        #expect(origin.requests.count == 2)
    }
}

// MARK: - Leases

extension ForwardingTests {
    @Test func aLeaseIsHeldUntilTheImageIsInTheCache() throws {
        let gate = Gate()
        let origin = try HeldOrigin { connection, _ in
            gate.wait()
            connection.send(image: Self.image)
        }
        let request = bench.start(origin.url())
        #expect(origin.waitForRequest())
        #expect(bench.tier.isLeased(origin.url()))
        gate.open()
        #expect(bench.settle())
        expect(request, Self.image, Self.fetched)
        #expect(!bench.tier.isLeased(origin.url()))
        #expect(bench.tier.verdict(on: origin.url()) == nil)
        #expect(bench.tier.claims(of: origin.url()) == 1)
    }

    @Test func whatAnotherProcessHasFetchedIsServedFromTheCache() throws {
        let (origin, tier) = (try origin(), bench.tier)
        let url = origin.url()
        tier.leaseToAnother(url)
        tier.whenClaimed { number in
            guard number == 3 else { return }
            tier[url] = TierDouble.Entry(
                type: .png, bytes: Self.image, cachedAt: 1_700_000_000_000, expiresAt: 1_700_086_400_000)
            tier.endLease(url)
        }
        expect(bench.handle(url), Self.image, Self.fetchedOnce)
        #expect(bench.settle())
        #expect(tier.claims(of: url) == 3)
        #expect(origin.requests.isEmpty)
        #expect(!tier.isLeased(url))
    }

    @Test func whatCameIntoTheCacheBeforeTheLeaseIsServedFromThere() throws {
        let (origin, tier) = (try origin(), bench.tier)
        let url = origin.url()
        tier.whenClaimed { _ in
            tier[url] = TierDouble.Entry(
                type: .png, bytes: Self.image, cachedAt: 1_700_000_000_000, expiresAt: 1_700_086_400_000)
        }
        expect(bench.handle(url), Self.image, Self.fetchedOnce)
        #expect(bench.settle())
        #expect(origin.requests.isEmpty)
        #expect(!tier.isLeased(url))
    }

    /// The one who fetched has died, or its client has left: one of those who wait takes its place, not all of them.
    @Test func whatAnotherProcessGaveUpIsFetchedOnce() throws {
        let (origin, tier) = (try origin(), bench.tier)
        let url = origin.url()
        let (isWaiting, goOn) = (Gate(), Gate())
        tier.leaseToAnother(url)
        tier.whenClaimed { number in
            guard number == 2 else { return }
            isWaiting.open()
            goOn.wait()
            tier.endLease(url)
        }
        let leader = bench.start(url)
        #expect(isWaiting.wait())
        let followers = (0..<3).map { _ in bench.handle(url) }
        goOn.open()
        #expect(bench.settle())
        expect(leader, Self.image, Self.fetched)
        for follower in followers { expect(follower, Self.image, Self.fetched + "; collapsed") }
        #expect(origin.requests.count == 1)
        #expect(!tier.isLeased(url))
    }

    static let verdicts = [
        ("404", 404, 0), ("410", 410, 0), ("unreachable", 502, 0), ("name-not-resolved", 502, 0), ("timed-out", 504, 0),
        ("apart", 200, 4), ("what?", 200, 1),
    ]

    @Test("what another process has heard is everybody's answer", arguments: verdicts)
    func verdict(_ text: String, _ status: Int, _ requests: Int) throws {
        let (origin, tier) = (try origin(), bench.tier)
        let url = origin.url()
        let (isWaiting, goOn) = (Gate(), Gate())
        tier.leaseToAnother(url)
        tier.whenClaimed { number in
            guard number == 2 else { return }
            isWaiting.open()
            goOn.wait()
            tier.endLease(url, leaving: text)
        }
        let leader = bench.start(url)
        #expect(isWaiting.wait())
        let followers = (0..<3).map { _ in bench.handle(url) }
        goOn.open()
        #expect(bench.settle())
        for request in [leader] + followers {
            #expect(request.response.status == status)
            #expect(request.ends == [.finished])
        }
        // Once one of those who ask apart has stored it, the others find it there.
        #expect(requests > 1 ? (1...requests).contains(origin.requests.count) : origin.requests.count == requests)
    }

    static let endings: [(String, verdict: String?)] = [
        ("404 Not Found", "404"), ("410 Gone", "410"), ("500 Oops", "apart"), ("200 OK", "apart"),
    ]

    @Test("what the origin said is left for other processes", arguments: endings)
    func leaves(_ line: String, _ verdict: String?) throws {
        let origin = try HeldOrigin { connection, _ in connection.send(line, "Content-Length: 0") }
        bench.handle(origin.url())
        #expect(bench.settle())
        #expect(bench.tier.verdict(on: origin.url()) == verdict)
    }

    @Test("a HEAD hears what is known, and says what it has heard", arguments: ["404 Not Found", "500 Oops", "200 OK"])
    func head(_ line: String) throws {
        let origin = try HeldOrigin { connection, _ in
            guard line == "200 OK" else { return connection.send(line, "Content-Length: 0") }
            connection.send(image: Self.image)
        }
        let statuses = (0..<2).map { _ in bench.handle(origin.url(), method: "HEAD").response.status }
        #expect(bench.settle())
        #expect(statuses[0] == statuses[1])
        #expect(origin.requests.count == (statuses[0] == 404 ? 1 : 2))
        #expect(bench.tier.verdict(on: origin.url()) == (statuses[0] == 404 ? "404" : nil))
        #expect(!bench.tier.isLeased(origin.url()))
    }

    @Test("a cache that was slow to answer a request is asked nothing more for it", arguments: ["GET", "HEAD"])
    func slowness(_ method: String) throws {
        let bench = FetchBench { $0.cache.timeout = .milliseconds(100) }
        let origin = try HeldOrigin { connection, _ in connection.send("404 Not Found", "Content-Length: 0") }
        bench.tier.delay = .milliseconds(60)
        for _ in 0..<2 { #expect(bench.handle(origin.url(), method: method).response.status == 404) }
        #expect(bench.settle())
        #expect(bench.tier.claims(of: origin.url()) == 0)
        #expect(origin.requests.count == 2)
    }

    @Test("an image that is not shared is left to be fetched apart", arguments: ["no-store", "private"])
    func leavesApart(_ control: String) throws {
        let origin = try HeldOrigin { connection, _ in
            connection.send(image: Self.image, "Cache-Control: \(control)")
        }
        bench.handle(origin.url())
        #expect(bench.settle())
        #expect(bench.tier.verdict(on: origin.url()) == "apart")
    }

    @Test func anOriginThatIsDownIsSaidToBe() throws {
        let url = "http://127.0.0.1:\(try freePort())/a.png"
        #expect(bench.handle(url).response.status == 502)
        #expect(bench.settle())
        #expect(bench.tier.verdict(on: url) == "unreachable")
    }

    @Test func withNoNegativeLifetimeAMissingImageIsAskedForAgain() throws {
        let bench = FetchBench { $0.freshness.negativeTTL = .zero }
        let origin = try HeldOrigin { connection, _ in connection.send("404 Not Found", "Content-Length: 0") }
        for _ in 0..<2 { #expect(bench.handle(origin.url()).response.status == 404) }
        #expect(bench.settle())
        #expect(origin.requests.count == 2)
        #expect(bench.tier.verdict(on: origin.url()) == nil)
    }

    @Test func withoutACacheToAgreeWithEverybodyAsks() throws {
        let origin = try origin()
        bench.tier.isAvailable = false
        for _ in 0..<2 {
            expect(bench.handle(origin.url()), Self.image, "image-proxy; fwd=uri-miss; fwd-status=200")
            #expect(bench.settle())
        }
        #expect(origin.requests.count == 2)
    }
}

// MARK: - Stale images

extension ForwardingTests {
    @Test func a304RenewsWhatThereIsForAllWhoWait() throws {
        let gate = Gate()
        let origin = try HeldOrigin { connection, _ in
            gate.wait()
            connection.send("304 Not Modified", "Cache-Control: max-age=100", "ETag: \"a\"")
        }
        bench.keep(Self.old, of: origin.url(), left: -1)
        let leader = bench.start(origin.url())
        #expect(origin.waitForRequest())
        let follower = bench.handle(origin.url())
        gate.open()
        #expect(bench.settle())
        for request in [leader, follower] {
            expect(request, Self.old, "image-proxy; fwd=stale; fwd-status=304; stored")
            #expect(request.response["Cache-Control"]?.hasPrefix("public, max-age=100") == true)
        }
        #expect(origin.requests.count == 1)
        #expect(origin.requests.first?.contains("If-None-Match: \"a\"\r\n") == true)
        #expect(bench.metrics.revalidated.count == 1)
        #expect(bench.tier[origin.url()]?.expiresAt == bench.clock.now + 100_000)
        expect(bench.handle(origin.url()), Self.old, "image-proxy; hit; ttl=100")
        #expect(!bench.tier.isLeased(origin.url()))
    }

    @Test("a 304 may say that it is for the last time", arguments: ["Cache-Control: no-store", "Vary: Cookie"])
    func lastUse(_ field: String) throws {
        let origin = try HeldOrigin { connection, number in
            if number > 1 { return connection.send(image: Self.image) }
            connection.send("304 Not Modified", field, "ETag: \"a\"")
        }
        bench.keep(Self.old, of: origin.url(), left: -1)
        let request = bench.handle(origin.url())
        #expect(bench.settle())
        expect(request, Self.old, "image-proxy; fwd=stale; fwd-status=304")
        #expect(request.response["Cache-Control"] == "private, no-store")
        #expect(bench.tier[origin.url()] == nil)
        expect(bench.handle(origin.url()), Self.image, Self.fetched)
    }

    @Test func a304ForWhatHasGoneMeanwhileIsAskedAboutAgainWithoutCondition() throws {
        let gate = Gate()
        let origin = try HeldOrigin { connection, number in
            if number > 1 { return connection.send(image: Self.image) }
            gate.wait()
            connection.send("304 Not Modified", "ETag: \"a\"")
        }
        bench.keep(Self.old, of: origin.url(), left: -1)
        let request = bench.start(origin.url())
        #expect(origin.waitForRequest())
        bench.tier.remove(origin.url())
        gate.open()
        #expect(bench.settle())
        #expect(request.response.status == 200)
        #expect(request.response.body == Self.image)
        #expect(request.ends == [.finished])
        #expect(origin.requests.count == 2)
        #expect(origin.requests.last?.contains("If-None-Match") == false)
    }

    @Test func aChangedImageTakesThePlaceOfTheStaleOne() throws {
        let origin = try origin()
        bench.keep(Self.old, of: origin.url(), left: -1)
        expect(bench.handle(origin.url()), Self.image, "image-proxy; fwd=stale; fwd-status=200; stored")
        #expect(bench.settle())
        #expect(bench.tier[origin.url()]?.bytes == Self.image)
    }

    static let troubles: [(String?, Int?)] = [
        ("500 Oops", 500), ("503 Busy", 503), ("429 Too Many", 429), ("408 Too Slow", 408), ("200 OK", nil), (nil, nil),
    ]

    @Test("a stale image is better than an origin's trouble", arguments: troubles)
    func staleIfError(_ line: String?, _ status: Int?) throws {
        let gate = Gate()
        let origin = try HeldOrigin { connection, _ in
            gate.wait()
            if let line { connection.send(line, "Content-Length: 0") }
        }
        bench.keep(Self.old, of: origin.url(), left: -10, ifError: 60)
        let leader = bench.start(origin.url())
        #expect(origin.waitForRequest())
        let follower = bench.handle(origin.url())
        gate.open()
        #expect(bench.settle())
        let said = status.map { "; fwd-status=\($0)" } ?? ""
        for request in [leader, follower] {
            expect(request, Self.old, "image-proxy; fwd=stale\(said); detail=stale-if-error")
            #expect(request.response["Cache-Control"] == "public, max-age=0")
        }
        #expect(origin.requests.count == 1)
    }

    @Test("but it is no way round what the origin refuses", arguments: [400, 401, 403, 451])
    func refused(_ status: Int) throws {
        let origin = try HeldOrigin { connection, _ in connection.send("\(status) No", "Content-Length: 0") }
        bench.keep(Self.old, of: origin.url(), left: -10, ifError: 60)
        let request = bench.handle(origin.url())
        #expect(bench.settle())
        #expect(request.response.status == 502)
        #expect(request.response["Cache-Control"] == "no-store")
        #expect(bench.tier[origin.url()]?.bytes == Self.old, "what was meant for one request is not kept from others")
    }

    @Test("but not for ever, and not if there is no such image any more", arguments: ["500 Oops", "404 Not Found"])
    func tooStale(_ line: String) throws {
        let origin = try HeldOrigin { connection, _ in connection.send(line, "Content-Length: 0") }
        bench.keep(Self.old, of: origin.url(), left: -10, ifError: line.hasPrefix("404") ? 60 : 9)
        let request = bench.handle(origin.url())
        #expect(bench.settle())
        #expect(request.response.status == (line.hasPrefix("404") ? 404 : 502))
        #expect(request.ends == [.finished])
        #expect((bench.tier[origin.url()] == nil) == line.hasPrefix("404"), "what is gone is forgotten")
    }

    @Test func staleWhileRevalidateAnswersAtOnceAndRefreshesOnce() throws {
        let gate = Gate()
        let origin = try HeldOrigin { connection, _ in
            gate.wait()
            connection.send(image: Self.image)
        }
        bench.keep(Self.old, of: origin.url(), left: -10, whileRevalidate: 60)
        let first = bench.start(origin.url())
        #expect(origin.waitForRequest())
        #expect(first.wait { !$0.ends.isEmpty }, "before the origin has said a word")
        let others = (0..<3).map { _ in bench.handle(origin.url()) }
        for request in [first] + others { expect(request, Self.old, "image-proxy; hit; ttl=-10") }
        gate.open()
        #expect(bench.settle())
        #expect(origin.requests.count == 1)
        expect(bench.handle(origin.url()), Self.image, Self.fetchedOnce)
        #expect(!bench.tier.isLeased(origin.url()))
    }

    @Test func anImageThatAnotherProcessRefreshesIsLeftToIt() throws {
        let origin = try origin()
        bench.keep(Self.old, of: origin.url(), left: -10, whileRevalidate: 60)
        bench.tier.leaseToAnother(origin.url())
        expect(bench.handle(origin.url()), Self.old, "image-proxy; hit; ttl=-10")
        #expect(bench.settle())
        #expect(bench.tier.claims(of: origin.url()) == 1)
        #expect(origin.requests.isEmpty)
    }

    @Test func aRefreshThatFailsLeavesWhatThereIs() throws {
        let origin = try HeldOrigin { connection, _ in connection.send("500 Oops", "Content-Length: 0") }
        bench.keep(Self.old, of: origin.url(), left: -10, whileRevalidate: 60)
        expect(bench.handle(origin.url()), Self.old, "image-proxy; hit; ttl=-10")
        #expect(bench.settle())
        #expect(bench.tier[origin.url()]?.bytes == Self.old)
    }

    @Test("what is asked for often is refreshed before it is stale", arguments: [2, 3]) func ahead(_ hits: Int) throws {
        let origin = try origin()
        bench.keep(Self.old, of: origin.url(), left: 10)
        for _ in 0..<hits { expect(bench.handle(origin.url()), Self.old, "image-proxy; hit; ttl=10") }
        #expect(bench.settle())
        #expect(origin.requests.count == hits / 3)
    }

    @Test("a client that wants the origin to be asked is heard where it may", arguments: [true, false])
    func clientNoCache(_ isHeard: Bool) throws {
        let bench = FetchBench { $0.freshness.honorsClientNoCache = isHeard }
        let origin = try HeldOrigin { connection, _ in connection.send("304 Not Modified") }
        bench.keep(Self.old, of: origin.url(), left: 1_000)
        for fields in [
            ["HTTP_CACHE_CONTROL": "no-cache"], ["HTTP_CACHE_CONTROL": "max-age=0"], ["HTTP_PRAGMA": "no-cache"],
        ] {
            let request = bench.handle(origin.url(), fields)
            #expect(bench.settle())
            #expect(request.response.status == 200)
            #expect(request.response.body == Self.old)
        }
        #expect(origin.requests.count == (isHeard ? 3 : 0))
    }
}
