import Dispatch
import Foundation
import Glibc
import Synchronization
import Testing

@testable import FastCGI

@Suite struct TurnstileTests {
    /// Nothing a test waits for takes this long: it ends a test that would hang.
    private static var patience: DispatchTime { .now() + .seconds(60) }

    @Test("more than the limit is a crowd", arguments: [(0, 1), (1, 1), (2, 2), (8, 8)])
    func crowd(_ limit: Int, _ most: Int) {
        let turnstile = Turnstile(limit: limit)
        for _ in 0..<most {
            turnstile.enter()
            #expect(!turnstile.isCrowded)
        }
        turnstile.enter()
        #expect(turnstile.isCrowded)
        turnstile.blocking { #expect(!turnstile.isCrowded) }
        #expect(turnstile.isCrowded)
        turnstile.leave()
        #expect(!turnstile.isCrowded)
    }

    @Test func whoWaitsBrieflyMakesRoomForOneAndNoMore() {
        let turnstile = Turnstile(limit: 1)
        for _ in 0..<2 { turnstile.enter() }
        turnstile.waitingBriefly {
            #expect(!turnstile.isCrowded)
            turnstile.enter()
            #expect(turnstile.isCrowded)
            turnstile.leave()
        }
        #expect(turnstile.isCrowded)
    }

    @Test func whatTheBodyThrowsIsThrownAndItRunsAgain() {
        let turnstile = Turnstile(limit: 1)
        for _ in 0..<2 { turnstile.enter() }
        #expect(throws: CancellationError.self) { try turnstile.blocking { throw CancellationError() } }
        #expect(throws: CancellationError.self) { try turnstile.waitingBriefly { throw CancellationError() } }
        #expect(turnstile.isCrowded)
    }

    @Test func whoBlocksLetsOneOfTheParkedGo() {
        let turnstile = Turnstile(limit: 1)
        turnstile.enter()
        let woken = park(1, in: turnstile)
        turnstile.blocking { #expect(woken.wait(timeout: Self.patience) == .success) }
    }

    @Test func whoWaitsBrieflyLetsOneOfTheParkedGo() {
        let turnstile = Turnstile(limit: 1)
        turnstile.enter()
        let woken = park(1, in: turnstile)
        // Until the other one has parked there is nobody to let go.
        while turnstile.waitingBriefly({ woken.wait(timeout: .now() + .milliseconds(1)) }) == .timedOut {}
    }

    @Test func openingLetsEverybodyGoForGood() {
        let turnstile = Turnstile(limit: 1)
        turnstile.enter()
        let woken = park(8, in: turnstile)
        turnstile.open()
        for _ in 0..<8 { #expect(woken.wait(timeout: Self.patience) == .success) }
        turnstile.enter()
        #expect(!turnstile.isCrowded)
        turnstile.park()
    }

    /// Signals for each of `count` threads that has parked and gone on.
    private func park(_ count: Int, in turnstile: Turnstile) -> DispatchSemaphore {
        let woken = DispatchSemaphore(value: 0)
        for _ in 0..<count {
            Thread.detachNewThread {
                turnstile.enter()
                turnstile.park()
                woken.signal()
            }
        }
        return woken
    }
}

extension ListenerTests {
    @Suite struct TakingTurns {
        @Test("while one blocks another one answers", arguments: [2, 8]) func answersMeanwhile(_ workers: Int) throws {
            let turnstile = Turnstile(limit: 1)
            let (blocked, release) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
            let responder = try Responder(workers: workers, turnstile: turnstile) { request in
                if request.param("N") == "slow" {
                    turnstile.blocking {
                        blocked.signal()
                        release.wait()
                    }
                }
                try? request.answer(request.param("N") ?? "?")
            }
            var slow: [FastCGIClient] = []
            for _ in 1..<workers {  // All but one.
                let client = try responder.connect()
                try client.send(WireRequest(params: [("N", "slow")]))
                #expect(blocked.wait(timeout: .now() + .seconds(20)) == .success)
                slow.append(client)
                let other = try responder.connect()
                for number in 0..<10 {
                    try other.send(WireRequest(params: [("N", "\(number)")], keepsConnection: true))
                    #expect(try other.response().text == "\(number)")
                }
            }
            for _ in slow { release.signal() }
            for client in slow { #expect(try client.response().text == "slow") }
            responder.listener.stop()
            #expect(responder.areWorkersGone())
        }

        @Test("nobody is left parked", arguments: [1, 2]) func stress(_ limit: Int) throws {
            let turnstile = Turnstile(limit: limit)
            let responder = try Responder(workers: 8, turnstile: turnstile) { request in
                switch Int.random(in: 0..<20) {
                case 0: turnstile.blocking { _ = usleep(5_000) }
                case 1..<4: turnstile.blocking { _ = usleep(200) }
                case 4..<8: turnstile.waitingBriefly { _ = usleep(100) }
                case 8..<10: turnstile.blocking {}
                default: break
                }
                try? request.answer(request.param("N") ?? "?")
            }
            let address = responder.address
            let answers = Answers()
            DispatchQueue.concurrentPerform(iterations: 8) { number in
                guard let client = try? FastCGIClient(to: address) else { return }
                for request in stride(from: number, to: 2_000, by: 8) {
                    let text = "\(request)"
                    guard (try? client.send(WireRequest(params: [("N", text)], keepsConnection: true))) != nil,
                        (try? client.response())?.text == text
                    else { return }
                    answers.count.add(1, ordering: .relaxed)
                }
            }
            #expect(answers.count.load(ordering: .relaxed) == 2_000)
            responder.listener.stop()
            #expect(responder.areWorkersGone())
        }
    }
}

private final class Answers: Sendable {
    let count = Atomic<Int>(0)
}
