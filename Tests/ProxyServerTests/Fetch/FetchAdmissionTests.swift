import Dispatch
import Glibc
import ProxyCore
import Synchronization
import Testing

@testable import ProxyServer

@Suite struct FetchAdmissionTests {
    private let turnedAway = Collected()

    private func admission(workers: Int, patience: Duration = .seconds(3_600)) -> FetchAdmission {
        FetchAdmission(workers: workers, patience: patience) { [turnedAway] in turnedAway.add($0.name) }
    }

    /// A miss with a name of its own.
    private func miss(_ name: Int = 0) throws -> WaitingMiss { try .named(name) }

    @Test("an eighth of the workers never fetches", arguments: [(1, 1), (7, 7), (8, 7), (15, 14), (16, 14), (64, 56)])
    func limit(_ workers: Int, _ limit: Int) throws {
        let admission = admission(workers: workers)
        for _ in 0..<limit { #expect(admission.admit(try miss()) == .fetch) }
        #expect(admission.admit(try miss()) == .waits)
        #expect(admission.waitingCount == 1)
    }

    @Test func whatHasWaitedLongestIsNext() throws {
        let admission = admission(workers: 2)
        for name in 0..<2 { #expect(admission.admit(try miss(name)) == .fetch) }
        for name in 2..<12 { #expect(admission.admit(try miss(name)) == .waits) }
        for name in 2..<7 { #expect(admission.next()?.name == name) }
        #expect(admission.admit(try miss(12)) == .waits, "nobody overtakes")
        for name in 7..<13 { #expect(admission.next()?.name == name) }
        #expect(admission.waitingCount == 0)
        #expect(turnedAway.names.isEmpty)
    }

    @Test func aFetchThatEndsHandsItsPlaceOver() throws {
        let admission = admission(workers: 1)
        #expect(admission.admit(try miss(1)) == .fetch)
        #expect(admission.admit(try miss(2)) == .waits)
        #expect(admission.next()?.name == 2)
        #expect(admission.admit(try miss(3)) == .waits, "the place is taken")
        #expect(admission.next()?.name == 3)
        #expect(admission.next() == nil)
        #expect(admission.admit(try miss(4)) == .fetch, "the place is free")
    }

    @Test func tooManyWaitingIsOverload() throws {
        let admission = admission(workers: 1)
        #expect(admission.admit(try miss()) == .fetch)
        for _ in 0..<FetchAdmission.mostWaiting { #expect(admission.admit(try miss()) == .waits) }
        #expect(admission.admit(try miss()) == .overloaded)
        #expect(admission.waitingCount == FetchAdmission.mostWaiting)
        #expect(admission.next() != nil)
        #expect(admission.admit(try miss()) == .waits)
    }

    @Test func whatWaitsTooLongIsTurnedAway() throws {
        let admission = admission(workers: 1, patience: .milliseconds(20))
        #expect(admission.admit(try miss(0)) == .fetch)
        for round in 0..<3 {  // The timer starts anew when nothing was left.
            let names = Set(round * 5 + 1...round * 5 + 5)
            for name in names { #expect(admission.admit(try miss(name)) == .waits) }
            #expect(turnedAway.wait(for: names.max() ?? 0))
            #expect(admission.waitingCount == 0)
        }
        #expect(turnedAway.names.sorted() == Array(1...15), "each once")
        #expect(admission.next() == nil)
        #expect(admission.admit(try miss()) == .fetch)
    }

    @Test func whatWasHandedOverIsNotTurnedAway() throws {
        let admission = admission(workers: 1, patience: .seconds(1))
        #expect(admission.admit(try miss(0)) == .fetch)
        for name in 1...3 { #expect(admission.admit(try miss(name)) == .waits) }
        #expect(admission.next()?.name == 1)
        #expect(turnedAway.wait(for: 2))
        #expect(turnedAway.names.sorted() == [2, 3])
    }

    @Test func nothingIsLeftBehind() throws {
        let admission = admission(workers: 3)
        let fetched = Collected()
        let misses = try (0..<4_000).map { try miss($0) }
        DispatchQueue.concurrentPerform(iterations: 8) { worker in
            for name in stride(from: worker, to: misses.count, by: 8) {
                guard admission.admit(misses[name]) == .fetch else { continue }
                fetched.add(name)
                while let next = admission.next() { fetched.add(next.name) }
            }
        }
        #expect(admission.waitingCount == 0)
        #expect(fetched.names.sorted() == Array(0..<4_000))
        for _ in 0..<3 { #expect(admission.admit(try miss()) == .fetch) }
    }
}

extension WaitingMiss {
    fileprivate static func named(_ name: Int) throws -> WaitingMiss {
        let query = "url=https://a.example/\(name)"
        return WaitingMiss(exchange: Exchange(MemoryRequest(query)), image: try ImageRequest(queryString: query))
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
