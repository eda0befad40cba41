import Dispatch
import Glibc
import ProxyCore
import Synchronization
import Testing

@testable import ProxyServer

@Suite struct FetchAdmissionTests {
    private let turnedAway = Collected()

    private func admission(workers: Int, patience: Duration = .seconds(3_600)) -> Admission {
        Admission(FetchAdmission(workers: workers, patience: patience), turnedAway)
    }

    /// A fetch with a name of its own.
    private func fetch(_ name: Int = 0) throws -> CollapsedFetch { try .named(name) }

    @Test("an eighth of the workers never fetches", arguments: [(1, 1), (7, 7), (8, 7), (15, 14), (16, 14), (64, 56)])
    func limit(_ workers: Int, _ limit: Int) throws {
        let admission = admission(workers: workers)
        for name in 0..<limit { #expect(admission.admit(try fetch(name)) == .fetch) }
        #expect(admission.admit(try fetch(limit)) == .waits)
        #expect(admission.waitingCount == 1)
    }

    @Test func whatHasWaitedLongestIsNext() throws {
        let admission = admission(workers: 2)
        for name in 0..<2 { #expect(admission.admit(try fetch(name)) == .fetch) }
        for name in 2..<12 { #expect(admission.admit(try fetch(name)) == .waits) }
        for name in 2..<7 { #expect(admission.next()?.name == name) }
        #expect(admission.admit(try fetch(12)) == .waits, "nobody overtakes")
        for name in 7..<13 { #expect(admission.next()?.name == name) }
        #expect(admission.waitingCount == 0)
        #expect(turnedAway.names.isEmpty)
    }

    @Test func aFetchThatEndsHandsItsPlaceOver() throws {
        let admission = admission(workers: 1)
        #expect(admission.admit(try fetch(1)) == .fetch)
        #expect(admission.admit(try fetch(2)) == .waits)
        #expect(admission.next()?.name == 2)
        #expect(admission.admit(try fetch(3)) == .waits, "the place is taken")
        #expect(admission.next()?.name == 3)
        #expect(admission.next() == nil)
        #expect(admission.admit(try fetch(4)) == .fetch, "the place is free")
    }

    @Test func oneOriginLeavesPlacesToOthers() throws {
        let admission = admission(workers: 16)  // 14 fetch, 11 of them from one origin.
        for name in 0..<11 { #expect(admission.admit(try .named(name, from: "a.example")) == .fetch) }
        #expect(admission.admit(try .named(11, from: "a.example")) == .waits)
        #expect(admission.admit(try .named(12, from: "b.example")) == .fetch, "it overtakes")
        #expect(admission.next() == nil, "the one that waits waits for its own origin")
        #expect(admission.admit(try .named(13, from: "a.example")) == .waits)
        #expect(admission.next()?.name == 11)
        #expect(admission.next()?.name == 13)
        #expect(admission.next() == nil)
    }

    @Test func whereOthersRedirectToLeavesPlacesToOthersToo() throws {
        let admission = FetchAdmission(workers: 16)  // 11 places at each origin.
        let slow = try fetch(0).image.source.origin
        func nest(_ count: Int, _ body: () throws(ProxyError) -> Void) throws(ProxyError) {
            guard count > 0 else { return try body() }
            try admission.hop(from: "https://a\(count).example:443", to: slow) { () throws(ProxyError) in
                try nest(count - 1, body)
            }
        }
        let (waiting, other) = (try fetch(0), try fetch(1))
        try nest(11) { () throws(ProxyError) in
            #expect(throws: ProxyError.overloaded) { try nest(1) { Issue.record("there is no place") } }
            #expect(admission.admit(waiting) { _ in } == .waits, "who asks it directly can wait")
            #expect(admission.admit(other) { _ in } == .fetch)
            // To itself it needs no second place.
            try admission.hop(from: slow, to: slow) {}
        }
        try nest(11) {}
        #expect(admission.next(after: other) === waiting, "every place is free again")
    }

    @Test func tooManyWaitingIsOverload() throws {
        let admission = admission(workers: 1)
        #expect(admission.admit(try fetch()) == .fetch)
        for _ in 0..<FetchAdmission.mostWaiting { #expect(admission.admit(try fetch()) == .waits) }
        #expect(admission.admit(try fetch()) == .overloaded)
        #expect(admission.waitingCount == FetchAdmission.mostWaiting)
        #expect(admission.next() != nil)
        #expect(admission.admit(try fetch()) == .waits)
    }

    @Test func whatWaitsTooLongIsTurnedAway() throws {
        let admission = admission(workers: 1, patience: .milliseconds(20))
        #expect(admission.admit(try fetch(0)) == .fetch)
        for round in 0..<3 {  // The timer starts anew when nothing was left.
            let names = Set(round * 5 + 1...round * 5 + 5)
            for name in names { #expect(admission.admit(try fetch(name)) == .waits) }
            #expect(turnedAway.wait(for: names.max() ?? 0))
            #expect(admission.waitingCount == 0)
        }
        #expect(turnedAway.names.sorted() == Array(1...15), "each once")
        #expect(admission.next() == nil)
        #expect(admission.admit(try fetch()) == .fetch)
    }

    @Test func whatWasHandedOverIsNotTurnedAway() throws {
        let admission = admission(workers: 1, patience: .seconds(1))
        #expect(admission.admit(try fetch(0)) == .fetch)
        for name in 1...3 { #expect(admission.admit(try fetch(name)) == .waits) }
        #expect(admission.next()?.name == 1)
        #expect(turnedAway.wait(for: 2))
        #expect(turnedAway.names.sorted() == [2, 3])
    }

    @Test func whatItsClientHasAbandonedGivesItsPlaceToOthers() throws {
        let admission = admission(workers: 1, patience: .seconds(600))
        #expect(admission.admit(try fetch(0)) == .fetch)
        let fetches = try (1...4).map { try fetch($0) }
        for fetch in [fetches[0], fetches[2]] {
            let request = try #require(fetch.leader?.exchange.request as? MemoryRequest)
            request.isPeerGone = true
        }
        for fetch in fetches { #expect(admission.admit(fetch) == .waits) }
        #expect(turnedAway.wait(for: 2))
        #expect(turnedAway.names.sorted() == [1, 3])
        #expect(admission.next()?.name == 2, "those who stay keep their order")
        #expect(admission.next()?.name == 4)
    }

    @Test func nothingIsLeftBehind() throws {
        let admission = admission(workers: 3)
        let fetched = Collected()
        let fetches = try (0..<4_000).map { try fetch($0) }
        DispatchQueue.concurrentPerform(iterations: 8) { worker in
            for name in stride(from: worker, to: fetches.count, by: 8) {
                guard admission.admit(fetches[name]) == .fetch else { continue }
                fetched.add(name)
                while let next = admission.next() { fetched.add(next.name) }
            }
        }
        #expect(admission.waitingCount == 0)
        #expect(fetched.names.sorted() == Array(0..<4_000))
        for _ in 0..<3 { #expect(admission.admit(try fetch()) == .fetch) }
    }
}

/// An admission, and what it has turned away.
private struct Admission: Sendable {
    private let admission: FetchAdmission
    private let turnedAway: Collected
    private let running = Running()

    init(_ admission: FetchAdmission, _ turnedAway: Collected) {
        self.admission = admission
        self.turnedAway = turnedAway
    }

    func admit(_ fetch: CollapsedFetch) -> FetchAdmission.Decision {
        let decision = admission.admit(fetch) { [turnedAway] in turnedAway.add($0.name) }
        if decision == .fetch { running.fetches.withLock { $0.append(fetch) } }
        return decision
    }

    /// Ends a fetch, and takes the next.
    func next() -> CollapsedFetch? {
        guard let ended = running.fetches.withLock({ $0.popLast() }) else { return nil }
        let next = admission.next(after: ended)
        if let next { running.fetches.withLock { $0.append(next) } }
        return next
    }

    var waitingCount: Int { admission.waitingCount }
}

private final class Running: Sendable {
    let fetches = Mutex<[CollapsedFetch]>([])
}

extension CollapsedFetch {
    /// A fetch from an origin of its own, unless another is given.
    fileprivate static func named(_ name: Int, from host: String? = nil) throws -> CollapsedFetch {
        let query = "url=https://\(host ?? "a\(name).example")/\(name)"
        let miss = Miss(exchange: Exchange(MemoryRequest(query)), image: try ImageRequest(queryString: query))
        return CollapsedFetch(leading: miss)
    }

    fileprivate var name: Int { image.urlText.split(separator: "/").last.flatMap { Int($0) } ?? -1 }
}

/// Names from several threads.
private final class Collected: Sendable {
    private let state = Mutex<[Int]>([])

    var names: [Int] { state.withLock { $0 } }

    func add(_ name: Int) { state.withLock { $0.append(name) } }

    /// Waits until there are so many; false after a minute.
    func wait(for count: Int) -> Bool {
        let end = ContinuousClock.now + .seconds(60)
        while names.count < count, ContinuousClock.now < end { usleep(1_000) }
        return names.count >= count
    }
}
