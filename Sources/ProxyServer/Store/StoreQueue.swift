internal import Dispatch
import Synchronization

/// Does the cache's work, one piece after another, detached from the requests that it came from.
///
/// One at a time: encoding is short, and a second writer would only hold a second chunk of text. What waits is bounded
/// by the budget that the chunks hold.
final class StoreQueue: Sendable {
    private let queue = DispatchQueue(label: "image-proxy.store")
    private let waiting = Atomic<Int>(0)

    /// Pieces of work that have not ended.
    var depth: Int { waiting.load(ordering: .relaxed) }

    /// Work without a chunk weighs next to nothing in the budget, but not nothing.
    private static let mostWaiting = 4096

    /// Whether so much waits that what comes now had better not be begun.
    var isFull: Bool { depth >= Self.mostWaiting }

    func submit(_ work: @escaping @Sendable () -> Void) {
        waiting.add(1, ordering: .relaxed)
        queue.async { [self] in
            work()
            waiting.subtract(1, ordering: .relaxed)
        }
    }

    /// Waits until what was submitted has ended, or until `deadline`. False when time ran out.
    func drain(until deadline: ContinuousClock.Instant) -> Bool {
        let done = DispatchSemaphore(value: 0)
        queue.async { done.signal() }
        let left = max(.zero, deadline - .now)
        return done.wait(timeout: .now() + .milliseconds(left.wholeMilliseconds)) == .success
    }
}
