import ProxyCore
import Testing

@testable import ProxyServer

/// Several requests for one image, through the handler: who comes when, who leaves, and what everybody gets.
@Suite struct FollowingTests {
    private static let image = Samples.png(300_000)
    private static let shared = "image-proxy; fwd=uri-miss; fwd-status=200; stored; collapsed"
    private static let tag = "ETag: \"a\""
    private let bench = FetchBench()
    private let gate = Gate()

    /// An origin that sends a part of the image and holds the rest back, to the first who asks; all to others.
    private func origin(
        sending count: Int, length: Int? = image.count, _ fields: String...
    ) throws -> HeldOrigin {
        try HeldOrigin { [gate] connection, number in
            if number == 1 {
                if count == 0 { gate.wait() }
                let framing = length.map { "Content-Length: \($0)" } ?? "Transfer-Encoding: chunked"
                connection.send("200 OK", framing, fields.joined(separator: "\r\n"))
                let (first, rest) = (Array(Self.image[..<count]), Array(Self.image[count...]))
                if length != nil { connection.send(first) } else { connection.send(chunk: first) }
                if count > 0 { gate.wait() }
                if length != nil {
                    connection.send(rest)
                } else {
                    for bytes in [rest, []] { connection.send(chunk: bytes) }
                }
            } else {
                connection.send(image: Self.image, fields.joined(separator: "\r\n"))
            }
        }
    }

    private func expectWhole(_ request: MemoryRequest, _ status: String? = nil) {
        #expect(request.response.status == 200)
        #expect(request.response.body == Self.image)
        #expect(request.ends == [.finished])
        if let status { #expect(request.response["Cache-Status"] == status) }
    }

    @Test func whoComesBeforeTheFirstByteFollows() throws {
        let origin = try origin(sending: 0, Self.tag)
        let leader = bench.start(origin.url())
        #expect(origin.waitForRequest())
        let followers = (0..<5).map { _ in bench.handle(origin.url()) }
        #expect(bench.fetches.waitingCount == 5)
        #expect(followers.allSatisfy { $0.writes == 0 })
        gate.open()
        #expect(bench.settle())
        expectWhole(leader, "image-proxy; fwd=uri-miss; fwd-status=200; stored")
        for follower in followers { expectWhole(follower, Self.shared) }
        #expect(origin.requests.count == 1)
        #expect(bench.tier[origin.url()]?.bytes == Self.image)
        #expect(bench.metrics.collapsed.count == 5)
        #expect(bench.metrics.bytesFetched.count == Self.image.count)
    }

    @Test func whoComesInTheMiddleGetsWhatThereIsAndThenTheRest() throws {
        let origin = try origin(sending: 200_000)
        let leader = bench.start(origin.url())
        #expect(leader.waitForBody(200_000))
        let follower = bench.handle(origin.url())
        #expect(follower.waitForBody(200_000), "without the origin having to say a word")
        #expect(follower.response.body == Array(Self.image[..<200_000]))
        #expect(follower.response["Content-Length"] == "\(Self.image.count)")
        gate.open()
        #expect(bench.settle())
        for request in [leader, follower] { expectWhole(request) }
        #expect(origin.requests.count == 1)
    }

    @Test func whoComesWhileTheImageIsBeingStoredIsServedFromWhatIsThere() throws {
        let origin = try origin(sending: 0)
        let (held, isHeld) = (Gate(), Gate())
        bench.services.storeQueue.submit {
            isHeld.open()
            held.wait()
        }
        #expect(isHeld.wait())
        let leader = bench.start(origin.url())
        gate.open()
        #expect(leader.wait { !$0.ends.isEmpty })
        expectWhole(bench.handle(origin.url()), Self.shared)
        held.open()
        #expect(bench.settle())
        #expect(origin.requests.count == 1)
        #expect(bench.handle(origin.url()).response["Cache-Status"] == "image-proxy; hit; ttl=86400")
    }

    @Test func whoIsSlowHoldsNobodyUpAndGetsItAllLater() throws {
        let origin = try origin(sending: 200_000)
        let leader = bench.start(origin.url())
        #expect(leader.waitForBody(200_000))
        let slow = MemoryRequest("url=\(origin.url())")
        slow.isWritable = false
        bench.handler.handle(slow)
        let other = bench.handle(origin.url())
        #expect(other.waitForBody(200_000), "served after the slow one")
        #expect(slow.written.isEmpty)
        gate.open()
        #expect(leader.wait { !$0.ends.isEmpty })
        #expect(bench.settle())
        for request in [leader, slow, other] { expectWhole(request) }
        #expect(origin.requests.count == 1)
    }

    @Test func aLeaderThatIsSlowLagsToo() throws {
        let origin = try origin(sending: 200_000)
        let leader = MemoryRequest("url=\(origin.url())")
        leader.isWritable = false
        bench.start(leader)
        #expect(origin.waitForRequest())
        let follower = bench.handle(origin.url())
        #expect(follower.waitForBody(200_000))
        #expect(leader.written.isEmpty)
        gate.open()
        #expect(bench.settle())
        for request in [leader, follower] { expectWhole(request) }
    }

    @Test("whoever goes, the others get it all", arguments: [true, false]) func leaving(_ isLeader: Bool) throws {
        let origin = try origin(sending: 200_000)
        let leader = bench.start(origin.url())
        #expect(leader.waitForBody(200_000))
        let followers = (0..<2).map { _ in bench.handle(origin.url()) }
        for follower in followers { #expect(follower.waitForBody(200_000)) }
        let gone = isLeader ? leader : followers[0]
        gone.leave()
        gate.open()
        #expect(bench.settle())
        #expect(gone.ends == [.aborted])
        for request in [leader] + followers where request !== gone { expectWhole(request) }
        #expect(origin.requests.count == 1)
        #expect(bench.metrics.clientsGone.count == 1)
        #expect(bench.tier[origin.url()]?.bytes == Self.image)
    }

    @Test func aLeaderThatGoesBeforeTheFirstByteLeavesTheFetchToItsFollowers() throws {
        let origin = try origin(sending: 0)
        let leader = bench.start(origin.url())
        #expect(origin.waitForRequest())
        let follower = bench.handle(origin.url())
        leader.leave()
        gate.open()
        #expect(bench.settle())
        #expect(leader.ends == [.aborted])
        expectWhole(follower)
        #expect(origin.requests.count == 1)
    }

    @Test("a fetch that nobody waits for any more is given up", arguments: [0, 200_000]) func abandoned(_ sent: Int)
        throws
    {
        let origin = try origin(sending: sent)
        let leader = bench.start(origin.url())
        #expect(sent == 0 ? origin.waitForRequest() : leader.waitForBody(sent))
        leader.leave()
        #expect(leader.wait { !$0.ends.isEmpty }, "while the origin is silent")
        gate.open()
        #expect(bench.settle())
        #expect(leader.ends == [.aborted])
        #expect(bench.metrics.errors.count == 0)
        #expect(bench.tier[origin.url()] == nil)
        #expect(!bench.tier.isLeased(origin.url()))
    }

    static let failures: [(String, Int)] = [
        ("404 Not Found", 404), ("410 Gone", 410), ("500 Oops", 502), ("200 OK", 502),
    ]

    @Test("what fails before the first byte fails for all", arguments: failures)
    func failsEarly(_ line: String, _ status: Int) throws {
        let origin = try HeldOrigin { [gate] connection, number in
            if number == 1 { gate.wait() }
            connection.send(line, "Content-Length: 0")
        }
        let leader = bench.start(origin.url())
        #expect(origin.waitForRequest())
        let followers = (0..<3).map { _ in bench.handle(origin.url()) }
        gate.open()
        #expect(bench.settle())
        for request in [leader] + followers {
            #expect(request.response.status == status)
            #expect(request.response["Content-Type"] == "application/problem+json")
            #expect(request.ends == [.finished])
        }
        #expect(origin.requests.count == 1)
    }

    @Test("what fails in the middle is cut for all who have begun", arguments: [image.count, nil])
    func failsLate(_ length: Int?) throws {
        let origin = try HeldOrigin { [gate] connection, _ in
            connection.send("200 OK", length.map { "Content-Length: \($0)" } ?? "Transfer-Encoding: chunked")
            let first = Array(Self.image[..<200_000])
            if length != nil { connection.send(first) } else { connection.send(chunk: first) }
            gate.wait()
        }
        let leader = bench.start(origin.url())
        #expect(leader.waitForBody(200_000))
        let follower = bench.handle(origin.url())
        if length != nil { #expect(follower.waitForBody(200_000)) }
        gate.open()
        #expect(bench.settle())
        #expect(leader.ends == [.aborted])
        // Of an image of unknown length nothing is shown to others before its end.
        #expect(follower.ends == [length == nil ? .finished : .aborted])
        if length == nil { #expect(follower.response.status == 502) }
        #expect(bench.tier[origin.url()] == nil)
        #expect(bench.metrics.stored.count == 0)
    }

    @Test func anImageOfUnknownLengthIsServedToAllFromTheCacheInTheEnd() throws {
        let origin = try origin(sending: 200_000, length: nil)
        let leader = bench.start(origin.url())
        #expect(leader.waitForBody(200_000))
        let follower = bench.handle(origin.url())
        gate.open()
        #expect(bench.settle())
        expectWhole(leader, "image-proxy; fwd=uri-miss; fwd-status=200")
        expectWhole(follower)
        #expect(origin.requests.count == 1)
        #expect(bench.tier[origin.url()]?.bytes == Self.image)
    }

    @Test("what is not to be shared is fetched by each for himself", arguments: ["no-store", "private", "too large"])
    func apart(_ why: String) throws {
        let bench = FetchBench { if why == "too large" { $0.cache.maximumSize = ByteCount(Self.image.count - 1) } }
        let origin = try origin(sending: 0, why == "too large" ? Self.tag : "Cache-Control: \(why)")
        let leader = bench.start(origin.url())
        #expect(origin.waitForRequest())
        let followers = (0..<3).map { _ in bench.handle(origin.url()) }
        gate.open()
        #expect(bench.settle())
        for request in [leader] + followers { expectWhole(request, "image-proxy; fwd=uri-miss; fwd-status=200") }
        #expect(origin.requests.count == 4)
        #expect(bench.tier[origin.url()] == nil)
        expectWhole(bench.handle(origin.url()))
        #expect(bench.settle(), "and whoever comes later waits for nobody")
        #expect(bench.metrics.collapsed.count == 3)
    }

    @Test func followersAreSentOnWhileTheLeaderIsStillServed() throws {
        let origin = try origin(sending: 200_000, "Cache-Control: no-store")
        let leader = bench.start(origin.url())
        #expect(leader.waitForBody(200_000))
        expectWhole(bench.handle(origin.url()))
        #expect(leader.ends.isEmpty)
        gate.open()
        #expect(bench.settle())
        expectWhole(leader)
    }

    @Test func withoutACacheFollowersFollowAllTheSame() throws {
        let bench = FetchBench(cached: false)
        let origin = try origin(sending: 0)
        let leader = bench.start(origin.url())
        #expect(origin.waitForRequest())
        let follower = bench.handle(origin.url())
        gate.open()
        #expect(bench.settle())
        expectWhole(leader, "image-proxy; fwd=uri-miss; fwd-status=200")
        expectWhole(follower, "image-proxy; fwd=uri-miss; fwd-status=200; collapsed")
        #expect(origin.requests.count == 1)
    }

    @Test("while the cache is away nobody is told that the image is stored", arguments: [0, 200_000])
    func cacheAway(_ sent: Int) throws {
        bench.tier.isAvailable = false
        let origin = try origin(sending: sent)
        let leader = bench.start(origin.url())
        #expect(sent == 0 ? origin.waitForRequest() : leader.waitForBody(sent))
        let follower = bench.handle(origin.url())
        if sent > 0 { #expect(follower.waitForBody(sent)) }
        gate.open()
        #expect(bench.settle())
        expectWhole(leader, "image-proxy; fwd=uri-miss; fwd-status=200")
        expectWhole(follower, "image-proxy; fwd=uri-miss; fwd-status=200; collapsed")
    }

    @Test func aCacheThatTakesNothingStillLetsTheImageBeShared() throws {
        bench.tier.takesImages = false
        let origin = try origin(sending: 0)
        let leader = bench.start(origin.url())
        #expect(origin.waitForRequest())
        let follower = bench.handle(origin.url())
        gate.open()
        #expect(bench.settle())
        for request in [leader, follower] { expectWhole(request) }
        #expect(origin.requests.count == 1)
        #expect(bench.metrics.storeFailures.count == 1)
    }
}

// MARK: - Parts and conditions

extension FollowingTests {
    static let wishes: [(String, String, Int, Range<Int>)] = [
        ("HTTP_RANGE", "bytes=10-99", 206, 10..<100), ("HTTP_RANGE", "bytes=0-0", 206, 0..<1),
        ("HTTP_RANGE", "bytes=-5", 206, 299_995..<300_000), ("HTTP_RANGE", "bytes=250000-", 206, 250_000..<300_000),
        ("HTTP_RANGE", "bytes=300000-", 416, 0..<0), ("HTTP_IF_NONE_MATCH", "\"a\"", 304, 0..<0),
        ("HTTP_IF_NONE_MATCH", "\"b\"", 200, 0..<300_000),
    ]

    /// Asserts that a request got what it wished for, and no more.
    private func expectPart(_ request: MemoryRequest, _ status: Int, _ part: Range<Int>) {
        #expect(request.response.status == status)
        #expect(request.response.body == Array(Self.image[part]))
        #expect(request.ends == [.finished])
    }

    @Test("a leader that wants less has it, and the others have it all", arguments: wishes)
    func leader(_ name: String, _ value: String, _ status: Int, _ part: Range<Int>) throws {
        let origin = try origin(sending: 0, Self.tag)
        let leader = bench.start(origin.url(), [name: value])
        #expect(origin.waitForRequest())
        let follower = bench.handle(origin.url())
        gate.open()
        #expect(bench.settle())
        expectPart(leader, status, part)
        expectWhole(follower, Self.shared)
        #expect(bench.tier[origin.url()]?.bytes == Self.image)
        #expect(origin.requests.count == 1)
    }

    @Test func aLeaderIsServedAsSoonAsItHasWhatItWants() throws {
        let origin = try origin(sending: 200_000, Self.tag)
        let leader = bench.start(origin.url(), ["HTTP_RANGE": "bytes=10-99"])
        #expect(leader.wait { !$0.ends.isEmpty }, "the rest is for the cache")
        gate.open()
        #expect(bench.settle())
        expectPart(leader, 206, 10..<100)
        #expect(bench.tier[origin.url()]?.bytes == Self.image)
    }

    @Test("a follower that wants less has it", arguments: wishes, [0, 200_000])
    func follower(_ wish: (String, String, Int, Range<Int>), _ sent: Int) throws {
        let origin = try origin(sending: sent, Self.tag)
        let leader = bench.start(origin.url())
        #expect(sent == 0 ? origin.waitForRequest() : leader.waitForBody(sent))
        let follower = bench.handle(origin.url(), [wish.0: wish.1])
        gate.open()
        #expect(bench.settle())
        expectWhole(leader)
        expectPart(follower, wish.2, wish.3)
        #expect(origin.requests.count == 1)
    }

    /// Its head, all that it gets, must not be forgotten.
    @Test("a follower that wants no bytes and is slow has its head later", arguments: [304, 416])
    func slow(_ status: Int) throws {
        let origin = try origin(sending: 200_000, Self.tag)
        let leader = bench.start(origin.url())
        #expect(leader.waitForBody(200_000))
        let slow = MemoryRequest(
            "url=\(origin.url())",
            status == 304 ? ["HTTP_IF_NONE_MATCH": "\"a\""] : ["HTTP_RANGE": "bytes=300000-"])
        slow.isWritable = false
        bench.handler.handle(slow)
        let other = bench.handle(origin.url())
        #expect(other.waitForBody(200_000), "served after the slow one")
        #expect(slow.writes == 0)
        #expect(slow.ends.isEmpty)
        gate.open()
        #expect(bench.settle())
        expectPart(slow, status, 0..<0)
    }

    @Test func aHEADNeitherLeadsNorFollows() throws {
        let origin = try origin(sending: 200_000, Self.tag)
        let leader = bench.start(origin.url())
        #expect(leader.waitForBody(200_000))
        let head = bench.handle(origin.url(), method: "HEAD")
        #expect(head.response.status == 200)
        #expect(head.response["Content-Length"] == "\(Self.image.count)")
        #expect(head.response.body.isEmpty)
        #expect(head.ends == [.finished])
        gate.open()
        #expect(bench.settle())
        expectWhole(leader)
        #expect(origin.requests.count == 2)
    }
}
