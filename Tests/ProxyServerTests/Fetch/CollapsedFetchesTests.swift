import Dispatch
import ProxyCore
import Synchronization
import Testing

@testable import ProxyServer

@Suite struct CollapsedFetchesTests {
    private let fetches = CollapsedFetches()

    private static func miss(_ name: String = "a", method: String = "GET") throws -> Miss {
        let query = "url=https://a.example/\(name)"
        return Miss(
            exchange: Exchange(MemoryRequest(query, method: method)), image: try ImageRequest(queryString: query))
    }

    /// Joins, and has to lead.
    private func lead(_ miss: Miss) throws -> CollapsedFetch {
        guard case .leads(let fetch) = fetches.join(miss) else { throw Unexpected() }
        return fetch
    }

    /// Joins, and has to follow.
    private func follow(_ miss: Miss) throws {
        guard case .follows = fetches.join(miss) else { throw Unexpected() }
    }

    private struct Unexpected: Error {}

    private func image() -> FetchedImage {
        FetchedImage(.png, size: 0, StoredResponse(generatedAt: 0, freshUntil: 0), status: 200, isStored: true, [])
    }

    @Test func theFirstLeadsAndTheOthersFollow() throws {
        let leader = try Self.miss()
        let fetch = try lead(leader)
        #expect(fetch.isShared)
        #expect(fetch.leader?.exchange === leader.exchange)
        #expect(!fetches.hasFollowers(fetch))
        let followers = try (0..<3).map { _ in try Self.miss() }
        for miss in followers { try follow(miss) }
        #expect(fetches.hasFollowers(fetch))
        #expect(fetches.waitingCount == 3)
        let taken = fetches.end(fetch)
        #expect(taken.map { ObjectIdentifier($0.exchange) } == followers.map { ObjectIdentifier($0.exchange) })
        #expect(fetches.count == 0)
        #expect(fetches.waitingCount == 0)
        _ = try lead(Self.miss())
    }

    /// To `String` the second and the third are equal.
    @Test("URLs are told apart by their bytes", arguments: ["b", "%C3%A9", "e%CC%81", "A", "a?", "a/"])
    func keys(_ name: String) throws {
        let first = try lead(Self.miss())
        let (second, third) = (try lead(Self.miss(name)), try lead(Self.miss(name + "%C3%A9")))
        let fourth = try lead(Self.miss(name + "e%CC%81"))
        #expect(fetches.count == 4)
        for fetch in [first, second, third, fourth] { #expect(fetches.end(fetch).isEmpty) }
        #expect(fetches.count == 0)
    }

    @Test("who wants no bytes, or to be apart, leads alone", arguments: [true, false]) func apart(_ isHead: Bool) throws
    {
        var miss = try Self.miss(method: isHead ? "HEAD" : "GET")
        miss.isApart = !isHead
        for _ in 0..<2 {  // Whether or not there is another's fetch.
            let fetch = try lead(miss)
            #expect(!fetch.isShared)
            #expect(!fetches.hasFollowers(fetch))
            #expect(fetches.takeFollowers(of: fetch).isEmpty)
            #expect(fetches.complete(fetch, with: image(), isFresh: true).isEmpty)
            #expect(fetches.end(fetch, apartFor: .seconds(60)).isEmpty)
            if fetches.count == 0 { _ = try lead(Self.miss()) }
            try follow(Self.miss())
        }
        #expect(fetches.count == 1)
    }

    @Test func aWholeImageIsThereUntilTheFetchHasEnded() throws {
        let fetch = try lead(Self.miss())
        try follow(Self.miss())
        let whole = image()
        #expect(fetches.complete(fetch, with: whole, isFresh: true).count == 1)
        for _ in 0..<2 {
            guard case .whole(let found) = fetches.join(try Self.miss()) else { throw Unexpected() }
            #expect(found === whole)
        }
        #expect(fetches.waitingCount == 0)
        #expect(fetches.end(fetch).isEmpty)
        _ = try lead(Self.miss())
    }

    @Test func takenFollowersLeaveTheFetchToBeJoined() throws {
        let fetch = try lead(Self.miss())
        try follow(Self.miss())
        #expect(fetches.takeFollowers(of: fetch).count == 1)
        #expect(fetches.takeFollowers(of: fetch).isEmpty)
        #expect(fetches.waitingCount == 0)
        try follow(Self.miss())
        #expect(fetches.end(fetch).count == 1)
    }

    @Test func whatIsNotSharedIsFetchedApartForAWhile() throws {
        let fetch = try lead(Self.miss())
        try follow(Self.miss())
        #expect(fetches.end(fetch, apartFor: .seconds(600)).count == 1)
        for _ in 0..<2 { #expect(try !lead(Self.miss()).isShared) }
        #expect(fetches.count == 0)
        #expect(try lead(Self.miss("b")).isShared)
        let stale = try #require(StaleImage.sample)
        #expect(fetches.refresh(try Self.miss().image, stale) == nil, "nor is it refreshed for all")
    }

    @Test func theWhileEnds() throws {
        let fetch = try lead(Self.miss())
        #expect(fetches.end(fetch, apartFor: .zero).isEmpty)
        #expect(try lead(Self.miss()).isShared)
    }

    /// After a fetch was ended early, for its image cannot be shared, another one may be under way.
    @Test func aFetchThatWasEndedHasNoPartInItsSuccessor() throws {
        let first = try lead(Self.miss())
        #expect(fetches.end(first, apartFor: .zero).isEmpty)
        let second = try lead(Self.miss())
        try follow(Self.miss())
        #expect(!fetches.hasFollowers(first))
        #expect(fetches.takeFollowers(of: first).isEmpty)
        #expect(fetches.complete(first, with: image(), isFresh: true).isEmpty)
        try follow(Self.miss())
        #expect(fetches.end(first).isEmpty)
        #expect(fetches.waitingCount == 2)
        #expect(fetches.end(second).count == 2)
        #expect(fetches.count == 0)
    }

    @Test func onlyOneRefreshIsUnderWay() throws {
        let stale = try #require(StaleImage.sample)
        let image = try Self.miss().image
        let fetch = try #require(fetches.refresh(image, stale))
        #expect(fetch.leader == nil)
        #expect(fetch.isShared)
        #expect(fetches.refresh(image, stale) == nil)
        try follow(Self.miss())
        #expect(fetches.end(fetch).count == 1)
        let other = try lead(Self.miss())
        #expect(fetches.refresh(image, stale) == nil, "it is being fetched")
        _ = fetches.end(other)
        #expect(fetches.refresh(image, stale) != nil)
    }

    @Test func tooManyWaitingIsOverload() throws {
        let (first, second) = (try lead(Self.miss()), try lead(Self.miss("b")))
        for number in 0..<CollapsedFetches.mostWaiting { try follow(Self.miss(number % 2 == 0 ? "a" : "b")) }
        guard case .overloaded = fetches.join(try Self.miss()) else { throw Unexpected() }
        _ = try lead(Self.miss("c"))
        #expect(fetches.end(first).count == CollapsedFetches.mostWaiting / 2)
        try follow(Self.miss("b"))
        #expect(fetches.end(second).count == CollapsedFetches.mostWaiting / 2 + 1)
        #expect(fetches.waitingCount == 0)
    }

    @Test func whoHasWaitedTooLongIsTakenOut() throws {
        let (first, second) = (try lead(Self.miss()), try lead(Self.miss("b")))
        for name in ["a", "b", "b"] { try follow(Self.miss(name)) }
        #expect(fetches.takeOverdue(.seconds(600)).isEmpty)
        #expect(fetches.waitingCount == 3)
        #expect(fetches.takeOverdue(.zero).count == 3)
        #expect(fetches.waitingCount == 0)
        #expect(fetches.takeOverdue(.zero).isEmpty)
        try follow(Self.miss())
        #expect(fetches.end(first).count == 1)
        #expect(fetches.end(second).isEmpty)
    }

    @Test func manyThreadsHaveOneLeaderAtATime() throws {
        let tally = Tally()
        let fetches = fetches
        let misses = try (0..<4_000).map { try Self.miss("\($0 % 5)") }
        DispatchQueue.concurrentPerform(iterations: 8) { thread in
            for number in stride(from: thread, to: misses.count, by: 8) {
                switch fetches.join(misses[number]) {
                case .leads(let fetch):
                    tally.enter(number % 5)
                    tally.ended.add(fetches.takeFollowers(of: fetch).count, ordering: .relaxed)
                    tally.leave(number % 5)
                    tally.ended.add(fetches.end(fetch).count + 1, ordering: .relaxed)
                case .follows: break
                case .whole, .overloaded: Issue.record("neither was to be")
                }
            }
        }
        #expect(tally.ended.load(ordering: .relaxed) == 4_000, "everybody is somebody's")
        #expect(tally.collisions == 0)
        #expect(fetches.count == 0)
        #expect(fetches.waitingCount == 0)
    }
}

/// Who leads, by image.
private final class Tally: Sendable {
    let ended = Atomic<Int>(0)
    private let state = Mutex((leaders: Set<Int>(), collisions: 0))

    var collisions: Int { state.withLock { $0.collisions } }
    func enter(_ name: Int) { state.withLock { if !$0.leaders.insert(name).inserted { $0.collisions += 1 } } }
    func leave(_ name: Int) { state.withLock { _ = $0.leaders.remove(name) } }
}

extension StaleImage {
    /// An image that may be served while it is refreshed.
    static var sample: StaleImage? {
        let tier = TierDouble()
        tier["a"] = TierDouble.Entry(type: .png, bytes: [], expiresAt: 1_000, extra: [JSONField("swr", .integer(60))])
        guard case .hit(let cached) = tier.lookup("a") else { return nil }
        return StaleImage(cached, StoredResponse(cached.record), at: 2_000)
    }
}
