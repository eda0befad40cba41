import Dispatch
import Foundation
import Synchronization
import Testing

@testable import FastCGI

@Suite struct WorkQueueTests {
    private let queue = WorkQueue()
    private let done = Done()

    @Test func whatWasAddedFirstRunsFirstAndOnce() {
        #expect(!queue.runNext())
        for number in 0..<100 { queue.add { [done] in done.add(number) } }
        #expect(done.numbers.isEmpty, "not before somebody runs it")
        for _ in 0..<100 { #expect(queue.runNext()) }
        #expect(!queue.runNext())
        #expect(done.numbers == Array(0..<100))
    }

    @Test func workMayAddWork() {
        queue.add { [queue, done] in
            done.add(1)
            queue.add { done.add(2) }
        }
        while queue.runNext() {}
        #expect(done.numbers == [1, 2])
    }

    @Test func itsDescriptorIsReadableAsLongAsThereIsWork() {
        func isReadable() -> Bool {
            var watched = pollfd(fd: queue.descriptor, events: Int16(POLLIN), revents: 0)
            return unsafe poll(&watched, 1, 0) == 1
        }
        #expect(!isReadable())
        for _ in 0..<2 { queue.add {} }
        #expect(isReadable())
        queue.runNext()
        #expect(isReadable())
        queue.runNext()
        #expect(!isReadable())
    }

    @Test func whatHasRunIsLetGoOf() {
        weak var held: Done?
        do {
            let kept = Done()
            held = kept
            queue.add { kept.add(1) }
            queue.add {}
        }
        #expect(held != nil)
        queue.runNext()
        #expect(held == nil, "though other work waits")
        #expect(queue.runNext())
    }

    @Test func aQueueThatIsNeverEmptyDoesNotGrow() {
        queue.add {}
        for _ in 0..<100_000 {
            queue.add {}
            queue.runNext()
        }
        #expect(queue.places < 10_000)
        #expect(queue.runNext())
        #expect(!queue.runNext())
    }

    @Test func manyThreadsRunEverythingOnce() {
        DispatchQueue.concurrentPerform(iterations: 8) { [queue, done] thread in
            for number in stride(from: thread, to: 8_000, by: 8) {
                queue.add { done.add(number) }
                if number % 3 > 0 { queue.runNext() }
            }
        }
        while queue.runNext() {}
        #expect(done.numbers.sorted() == Array(0..<8_000))
    }
}

extension ListenerTests {
    @Suite struct Working {
        private static var patience: DispatchTime { .now() + .seconds(60) }

        @Test("workers that wait for requests run what comes in", arguments: [1, 4]) func runs(_ workers: Int) throws {
            let queue = WorkQueue()
            let responder = try Responder(workers: workers, work: queue) { try? $0.answer("ok") }
            let ran = DispatchSemaphore(value: 0)
            for round in 0..<20 {
                for _ in 0..<5 { queue.add { ran.signal() } }
                for _ in 0..<5 { #expect(ran.wait(timeout: Self.patience) == .success) }
                guard round % 5 == 0 else { continue }
                let client = try responder.connect()
                try client.send(WireRequest())
                #expect(try client.response().text == "ok", "and answer requests as before")
            }
            responder.listener.stop()
            #expect(responder.areWorkersGone())
            #expect(!queue.runNext())
        }

        @Test func aRequestThatWaitsIsAnsweredByWork() throws {
            let queue = WorkQueue()
            let responder = try Responder(workers: 1, work: queue) { request in
                let waiting = Waiting(request)
                queue.add { try? waiting.request.answer("later") }
            }
            for _ in 0..<3 {
                let client = try responder.connect()
                try client.send(WireRequest(keepsConnection: true))
                #expect(try client.response().text == "later")
            }
            responder.listener.stop()
            #expect(responder.areWorkersGone())
        }

        @Test func whatWaitsWhenTheListenerStopsIsRunBeforeTheWorkersLeave() throws {
            let queue = WorkQueue()
            let done = Done()
            let (busy, goOn) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
            let responder = try Responder(workers: 1, work: queue)
            queue.add {
                busy.signal()
                goOn.wait()
            }
            #expect(busy.wait(timeout: Self.patience) == .success)
            for number in 0..<50 { queue.add { done.add(number) } }
            responder.listener.stop()
            goOn.signal()
            #expect(responder.areWorkersGone())
            #expect(done.numbers == Array(0..<50))
        }
    }
}

/// A request that one thread hands to another.
private final class Waiting: @unchecked Sendable {
    // Sendable because the one who hands it over forgets it.
    let request: FastCGIRequest
    init(_ request: FastCGIRequest) { self.request = request }
}

/// What was done, by several threads.
private final class Done: Sendable {
    private let state = Mutex<[Int]>([])

    var numbers: [Int] { state.withLock { $0 } }
    func add(_ number: Int) { state.withLock { $0.append(number) } }
}
