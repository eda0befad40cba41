import Dispatch
import Synchronization
import Testing

@testable import ProxyServer

@Suite struct StoreQueueTests {
    /// What has run, in its order.
    private final class Journal: Sendable {
        private let entries = Mutex<[String]>([])
        func add(_ entry: String) { entries.withLock { $0.append(entry) } }
        var all: [String] { entries.withLock { $0 } }
    }

    private let journal = Journal()

    private func submit(_ name: String, to queue: StoreQueue) { queue.submit { [journal] in journal.add(name) } }

    @Test func workBehindARestWaitsForItsEnd() {
        let queue = StoreQueue(restLength: .never)
        queue.rest()
        submit("a", to: queue)
        submit("b", to: queue)
        let done = DispatchSemaphore(value: 0)
        queue.submit { done.signal() }
        #expect(done.wait(timeout: .now() + .milliseconds(50)) == .timedOut)
        #expect(queue.depth == 3)
        #expect(queue.drain(until: .now + .seconds(60)))
        #expect(journal.all == ["a", "b"])
    }

    @Test func aRestEndsByItself() {
        let queue = StoreQueue(restLength: .milliseconds(1))
        let done = DispatchSemaphore(value: 0)
        queue.rest()
        queue.rest()
        queue.submit { done.signal() }
        #expect(done.wait(timeout: .now() + 60) == .success)
    }

    @Test func whoeverHasWorkTakesNoRest() {
        let queue = StoreQueue(restLength: .never)
        let mayEnd = DispatchSemaphore(value: 0)
        let done = DispatchSemaphore(value: 0)
        queue.submit { mayEnd.wait() }
        queue.rest()
        queue.submit { done.signal() }
        mayEnd.signal()
        #expect(done.wait(timeout: .now() + 60) == .success)
    }

    @Test func afterARestThereMayBeAnother() {
        let queue = StoreQueue(restLength: .never)
        for name in ["a", "b", "c"] {
            queue.rest()
            submit(name, to: queue)
            #expect(queue.drain(until: .now + .seconds(60)))
        }
        #expect(journal.all == ["a", "b", "c"])
    }
}
