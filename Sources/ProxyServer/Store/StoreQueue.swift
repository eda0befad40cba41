internal import Dispatch
import Synchronization

/// Does the cache's work, one piece after another, detached from the requests that it came from.
///
/// One at a time: encoding is short, and a second writer would only hold a second chunk of text. What waits is bounded
/// by the budget that the chunks hold.
final class StoreQueue: Sendable {
    private let queue = DispatchQueue(label: "image-proxy.store")
    private let timer = DispatchQueue(label: "image-proxy.store-rest")
    private let waiting = Atomic<Int>(0)
    private let isResting = Mutex(false)
    private let restLength: DispatchTimeInterval

    /// Pieces of work that have not ended.
    var depth: Int { waiting.load(ordering: .relaxed) }

    /// Work without a chunk weighs next to nothing in the budget, but not nothing.
    private static let mostWaiting = 4096

    /// Whether so much waits that what comes now had better not be begun.
    var isFull: Bool { depth >= Self.mostWaiting }

    /// A rest is about as long as a web server on the same machine, and a client near by, need to take the last megabytes.
    init(restLength: DispatchTimeInterval = .milliseconds(10)) { self.restLength = restLength }

    /// Has what is submitted next begin a moment later, unless there is work already: a response has just been written, and
    /// those who take it need the processors now.
    func rest() {
        guard depth == 0 else { return }
        let begins = isResting.withLock { isResting in
            defer { isResting = true }
            if !isResting { queue.suspend() }
            return !isResting
        }
        if begins { timer.asyncAfter(deadline: .now() + restLength) { self.endRest() } }
    }

    private func endRest() {
        isResting.withLock { isResting in
            if isResting { queue.resume() }
            isResting = false
        }
    }

    func submit(_ work: @escaping @Sendable () -> Void) {
        waiting.add(1, ordering: .relaxed)
        queue.async { [self] in
            work()
            waiting.subtract(1, ordering: .relaxed)
        }
    }

    /// Waits until what was submitted has ended, or until `deadline`. False when time ran out.
    func drain(until deadline: ContinuousClock.Instant) -> Bool {
        endRest()
        let done = DispatchSemaphore(value: 0)
        queue.async { done.signal() }
        let left = max(.zero, deadline - .now)
        return done.wait(timeout: .now() + .milliseconds(left.wholeMilliseconds)) == .success
    }
}
