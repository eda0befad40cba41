internal import Dispatch
import ProxyCore
import Synchronization

/// Decides which misses fetch now, which wait, and which are turned away, so that slow origins never hold every worker.
///
/// A part of the workers is never given to fetches: hits, errors and health go on being answered while all the others
/// wait for origins. A miss beyond that waits without a worker of its own, a request and nothing more; a worker whose
/// fetch has ended takes the one that waited longest. What waits too long, or finds too many waiting, gets 503.
///
/// Whenever something waits, as many fetches run as may: so the last fetch to end leaves nobody behind.
final class FetchAdmission: Sendable {
    private let limit: Int
    private let patience: Duration
    private let turnAway: @Sendable (WaitingMiss) -> Void
    private let state = Mutex(State())
    private let timer = DispatchQueue(label: "image-proxy.fetch-admission")

    private struct State {
        var running = 0
        var waiting: [WaitingMiss] = []
    }

    enum Decision: Equatable { case fetch, waits, overloaded }

    /// A request that waits costs some tens of kilobytes, most of them libfcgi's buffers.
    static let mostWaiting = 1024

    /// Of `workers` threads, an eighth is kept from fetching: none of fewer than eight. `turnAway` answers a miss that has
    /// waited for `patience`.
    init(workers: Int, patience: Duration = .seconds(15), turnAway: @escaping @Sendable (WaitingMiss) -> Void) {
        limit = max(1, workers - workers / 8)
        self.patience = patience
        self.turnAway = turnAway
    }

    /// What becomes of a new miss. After `.fetch` the caller fetches, and calls `next` when that has ended.
    func admit(_ miss: WaitingMiss) -> Decision {
        let (decision, isFirst) = state.withLock { state -> (Decision, Bool) in
            if state.running < limit {
                state.running += 1
                return (.fetch, false)
            }
            guard state.waiting.count < Self.mostWaiting else { return (.overloaded, false) }
            state.waiting.append(miss)
            return (.waits, state.waiting.count == 1)
        }
        if isFirst { scheduleExpiry(at: miss.since + patience) }
        return decision
    }

    /// A fetch has ended. The miss that may take its place, or nil when none waits and the place is free again.
    func next() -> WaitingMiss? {
        state.withLock { state in
            guard state.waiting.isEmpty else { return state.waiting.removeFirst() }
            state.running -= 1
            return nil
        }
    }

    /// Misses that wait now.
    var waitingCount: Int { state.withLock { $0.waiting.count } }

    private func scheduleExpiry(at instant: ContinuousClock.Instant) {
        let left = max(.zero, instant - .now)
        timer.asyncAfter(deadline: .now() + .milliseconds(left.wholeMilliseconds + 1)) { [self] in expire() }
    }

    private func expire() {
        let oldest = ContinuousClock.now - patience
        let (expired, next) = state.withLock { state -> ([WaitingMiss], WaitingMiss?) in
            let count = state.waiting.firstIndex { $0.since > oldest } ?? state.waiting.count
            defer { state.waiting.removeFirst(count) }
            return (Array(state.waiting[..<count]), state.waiting.count > count ? state.waiting[count] : nil)
        }
        if let next { scheduleExpiry(at: next.since + patience) }
        // Each on its own: one whose web server takes nothing must not keep the others waiting.
        for miss in expired { DispatchQueue.global().async { [self] in turnAway(miss) } }
    }
}

/// A miss on its way to a worker that may fetch it.
struct WaitingMiss: @unchecked Sendable {
    // Sendable because it is handed on under a lock: whoever takes it out is the only one who knows of it.
    let exchange: Exchange
    let image: ImageRequest
    let since = ContinuousClock.now
}
