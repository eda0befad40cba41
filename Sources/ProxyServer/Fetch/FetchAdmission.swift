internal import Dispatch
import ProxyCore
import Synchronization

/// Decides which fetches begin now, which wait, and which are turned away, so that slow origins never hold every worker.
///
/// A part of the workers is never given to fetches: hits, errors and health go on being answered while all the others
/// wait for origins. A fetch beyond that waits without a worker of its own, a request and nothing more; a worker whose
/// fetch has ended takes the one that waited longest. What waits too long, or finds too many waiting, gets 503; what its
/// client has abandoned gives its place to others.
///
/// No single origin gets all the places, so that one that is slow does not make the images of the others wait: neither as
/// the origin of the URLs, nor as where others redirect to. A redirect to where every place is taken ends the fetch, which
/// has a worker and must not wait with it.
///
/// Whenever something waits, as many fetches run as may: so the last fetch to end leaves nobody behind.
final class FetchAdmission: Sendable {
    private let limit: Int
    private let limitToOrigin: Int
    private let patience: Duration
    private let state = Mutex(State())
    private let timer = DispatchQueue(label: "image-proxy.fetch-admission")

    fileprivate struct State {
        var running = 0
        /// How many of them are to one origin, or have been sent on to it.
        var runningTo: [String: Int] = [:]
        var waiting: [CollapsedFetch] = []
    }

    enum Decision: Equatable { case fetch, waits, overloaded }

    /// A request that waits costs some tens of kilobytes, most of them libfcgi's buffers.
    static let mostWaiting = 1024

    /// What ends a fetch that has waited for too long, or for nobody.
    typealias TurnAway = @Sendable (CollapsedFetch) -> Void

    /// How often those that wait are looked through.
    private static let interval = Duration.milliseconds(500)

    /// Of `workers` threads, an eighth is kept from fetching: none of fewer than eight.
    init(workers: Int, patience: Duration = .seconds(15)) {
        limit = max(1, workers - workers / 8)
        // Of a few places none can be spared.
        limitToOrigin = limit < 8 ? limit : limit - limit / 4
        self.patience = patience
    }

    /// What becomes of a new fetch. After `.fetch` the caller fetches, and calls `next` when that has ended.
    /// After `.waits` it is `turnAway` that gets it, if nothing has taken it out within `patience`.
    func admit(_ fetch: CollapsedFetch, turnAway: @escaping TurnAway) -> Decision {
        let (decision, isFirst) = state.withLock { state -> (Decision, Bool) in
            if state.running < limit, state.begin(fetch, limitToOrigin) { return (.fetch, false) }
            guard state.waiting.count < Self.mostWaiting else { return (.overloaded, false) }
            state.waiting.append(fetch)
            return (.waits, state.waiting.count == 1)
        }
        if isFirst { schedule(turnAway) }
        return decision
    }

    /// A fetch has ended. The one that may take its place, or nil when none may and the place is free again.
    func next(after fetch: CollapsedFetch) -> CollapsedFetch? {
        state.withLock { state in
            state.end(fetch)
            let place = state.waiting.firstIndex { state.begin($0, limitToOrigin) }
            return place.map { state.waiting.remove(at: $0) }
        }
    }

    /// Asks one hop of a fetch that may run. A redirect to another origin takes a place there, too.
    func hop(
        from source: String, to origin: String, _ ask: () throws(ProxyError) -> Void
    ) throws(ProxyError) {
        guard origin != source else { return try ask() }
        guard state.withLock({ $0.take(origin, limitToOrigin) }) else { throw .overloaded }
        defer { state.withLock { $0.leave(origin) } }
        try ask()
    }

    /// Fetches that wait now.
    var waitingCount: Int { state.withLock { $0.waiting.count } }

    private func schedule(_ turnAway: @escaping TurnAway) {
        let pause = min(patience, Self.interval)
        timer.asyncAfter(deadline: .now() + .milliseconds(pause.wholeMilliseconds + 1)) { [self] in expire(turnAway) }
    }

    private func expire(_ turnAway: @escaping TurnAway) {
        let oldest = ContinuousClock.now - patience
        // A look at each takes less than a microsecond, and only one that waits may be looked at: it is nobody else's.
        let (expired, isAnyLeft) = state.withLock { state -> ([CollapsedFetch], Bool) in
            let isOver = state.waiting.map { $0.since <= oldest || $0.isLeaderGone }
            guard isOver.contains(true) else { return ([], !state.waiting.isEmpty) }
            let looked = zip(state.waiting, isOver)
            defer { state.waiting = looked.filter { !$0.1 }.map(\.0) }
            return (looked.filter(\.1).map(\.0), isOver.contains(false))
        }
        if isAnyLeft { schedule(turnAway) }
        // Each on its own: one whose web server takes nothing must not keep the others waiting.
        for fetch in expired { DispatchQueue.global().async { turnAway(fetch) } }
    }
}

extension FetchAdmission.State {
    /// Counts a fetch as one that runs, if its origin has a place for it.
    fileprivate mutating func begin(_ fetch: CollapsedFetch, _ limit: Int) -> Bool {
        guard take(fetch.image.source.origin, limit) else { return false }
        running += 1
        return true
    }

    fileprivate mutating func end(_ fetch: CollapsedFetch) {
        leave(fetch.image.source.origin)
        running -= 1
    }

    fileprivate mutating func take(_ origin: String, _ limit: Int) -> Bool {
        guard runningTo[origin, default: 0] < limit else { return false }
        runningTo[origin, default: 0] += 1
        return true
    }

    fileprivate mutating func leave(_ origin: String) {
        let left = runningTo[origin, default: 0] - 1
        runningTo[origin] = left > 0 ? left : nil
    }
}
