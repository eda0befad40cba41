internal import Dispatch
import ProxyCore
import Synchronization

/// Runs store jobs one after another, detached from the requests that they came from.
///
/// One at a time: encoding is short, and a second writer would only hold a second chunk of text. What waits is bounded
/// by the budget that the jobs' buffers hold.
final class StoreQueue: Sendable {
    private let queue = DispatchQueue(label: "image-proxy.store", qos: .utility)
    private let waiting = Atomic<Int>(0)
    private let runs: @Sendable (StoreJob) -> Void

    init(_ runs: @escaping @Sendable (StoreJob) -> Void) { self.runs = runs }

    /// Jobs that have not ended.
    var depth: Int { waiting.load(ordering: .relaxed) }

    /// A job without an image weighs next to nothing in the budget, but not nothing.
    private static let mostWaiting = 4096

    /// False when too many wait already; the job is dropped.
    func submit(_ job: sending StoreJob) -> Bool {
        guard waiting.add(1, ordering: .relaxed).newValue <= Self.mostWaiting else {
            waiting.subtract(1, ordering: .relaxed)
            return false
        }
        let job = job
        queue.async { [self] in
            runs(job)
            waiting.subtract(1, ordering: .relaxed)
        }
        return true
    }

    /// Waits until what was submitted has ended, or until `deadline`. False when time ran out.
    func drain(until deadline: ContinuousClock.Instant) -> Bool {
        let done = DispatchSemaphore(value: 0)
        queue.async { done.signal() }
        let left = max(.zero, deadline - .now)
        return done.wait(timeout: .now() + .milliseconds(left.wholeMilliseconds)) == .success
    }
}
