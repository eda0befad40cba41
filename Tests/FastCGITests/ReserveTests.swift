import Dispatch
import Glibc
import Synchronization
import Testing

@testable import FastCGI

@Suite struct ReserveTests {
    /// Both ends of a connection, the first of which can take no more.
    private final class FullConnection {
        private(set) var ends: [Int32] = [0, 0]

        init() throws {
            try #require(unsafe socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) == 0)
            let filling = [UInt8](repeating: 1, count: 1_000)
            while unsafe send(ends[0], filling, filling.count, Int32(MSG_DONTWAIT)) > 0 {}
        }

        deinit { for end in ends { close(end) } }

        /// Makes room.
        func drain() {
            var buffer = [UInt8](repeating: 0, count: 1 << 20)
            _ = unsafe recv(ends[1], &buffer, buffer.count, 0)
        }
    }

    /// How many workers have been started.
    private final class Started: Sendable {
        private let number = Atomic<Int>(0)
        var count: Int { number.load(ordering: .relaxed) }
        func add() { number.add(1, ordering: .relaxed) }
    }

    private let reserve = Reserve()
    private let started = Started()

    private func open(usual: Int, missing: Int = 0, most: Int) {
        reserve.open(usual: usual, missing: missing, most: most) { [started] in
            started.add()
            return true
        }
    }

    @Test func noMoreAreStartedThanMayBe() {
        reserve.callUp()
        open(usual: 4, most: 2)
        for _ in 0..<5 { reserve.callUp() }
        #expect(started.count == 2)
        #expect([reserve.dismisses(), reserve.dismisses(), reserve.dismisses()] == [true, true, false])
        reserve.callUp()
        #expect(started.count == 3)
        reserve.close()
        reserve.callUp()
        #expect(started.count == 3)
    }

    @Test func theMissingAreStartedFirstAndStay() {
        open(usual: 4, missing: 2, most: 1)
        #expect(reserve.complete())
        reserve.callUp()
        #expect(!reserve.complete())
        #expect(!reserve.dismisses())
        reserve.callUp()
        #expect(started.count == 3)
        #expect([reserve.dismisses(), reserve.dismisses()] == [true, false])
    }

    @Test func whoeverWaitsBrieflyCallsForThoseThatAreMissing() {
        open(usual: 4, missing: 3, most: 4)
        let turnstile = Turnstile(limit: 1, reserve)
        turnstile.enter()
        turnstile.waitingBriefly {}
        #expect(started.count == 1)
        turnstile.open()
        turnstile.waitingBriefly {}
        #expect(started.count == 1, "at the end nobody is started")
    }

    @Test func oneThatCannotBeStartedIsMissingStill() {
        let mayStart = Atomic<Bool>(false)
        reserve.open(usual: 2, missing: 1, most: 0) { mayStart.load(ordering: .relaxed) }
        #expect(!reserve.complete())
        mayStart.store(true, ordering: .relaxed)
        #expect([reserve.complete(), reserve.complete()] == [true, false])
    }

    @Test func oneThatCannotBeStartedIsNotDismissed() {
        let reserve = Reserve()
        reserve.open(usual: 1, most: 1) { false }
        reserve.callUp()
        #expect(!reserve.dismisses())
    }

    @Test func theReserveIsCalledWhereNobodyElseIsLeft() {
        open(usual: 2, most: 5)
        let turnstile = Turnstile(limit: 1, reserve)
        for _ in 0..<2 { turnstile.enter() }
        // Without a pulse each stands for a worker of its own.
        turnstile.blocking {
            #expect(started.count == 0, "one more runs")
            turnstile.blocking { #expect(started.count == 1) }
        }
    }

    @Test func whoIsAwayAlreadyMakesNoMoreRoom() {
        let turnstile = Turnstile(limit: 1)
        turnstile.enter()
        WorkerPulse().beating {
            turnstile.blocking {
                turnstile.blocking {}
                turnstile.enter()
                #expect(!turnstile.isCrowded)
                turnstile.enter()
                #expect(turnstile.isCrowded, "one has left, and not two")
                for _ in 0..<2 { turnstile.leave() }
            }
        }
    }

    @Test func roomEndsTheWait() throws {
        let reserve = Reserve()
        let connection = try FullConnection()
        let answers = DispatchQueue(label: "answers")
        let isDone = DispatchSemaphore(value: 0)
        let end = connection.ends[0]
        answers.async {
            #expect(reserve.waitForRoom(on: end))
            isDone.signal()
        }
        #expect(isDone.wait(timeout: .now() + .milliseconds(50)) == .timedOut)
        connection.drain()
        #expect(isDone.wait(timeout: .now() + .seconds(20)) == .success)
    }

    @Test func patienceEnds() throws {
        let connection = try FullConnection()
        #expect(!Reserve(patience: .milliseconds(10)).waitForRoom(on: connection.ends[0]))
    }

    /// Three wait where two may: the first of them goes, the others stay.
    @Test func inACrowdWhoHasWaitedLongestGoes() throws {
        let reserve = Reserve(patience: .seconds(600))
        reserve.open(usual: 3, most: 0) { false }
        let connections = try (0..<3).map { _ in try FullConnection() }
        let gone = Mutex<[Int]>([])
        let hasGone = DispatchSemaphore(value: 0)
        let ended = DispatchGroup()
        for (number, connection) in connections.enumerated() {
            let end = connection.ends[0]
            ended.enter()
            DispatchQueue(label: "waits").async {
                if !reserve.waitForRoom(on: end) {
                    gone.withLock { $0.append(number) }
                    hasGone.signal()
                }
                ended.leave()
            }
            while !reserve.isWaiting(end) { usleep(1_000) }
        }
        #expect(hasGone.wait(timeout: .now() + .seconds(60)) == .success)
        for connection in connections { connection.drain() }
        #expect(ended.wait(timeout: .now() + .seconds(60)) == .success)
        #expect(gone.withLock { $0 } == [0])
    }
}
