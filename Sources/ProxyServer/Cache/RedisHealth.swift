internal import Dispatch
internal import Redis
import Logging
import Synchronization

/// Decides whether Redis is asked at all: a circuit breaker, so that its trouble is paid once and not by every request.
///
/// A failure of the server opens it. While it is open nothing waits for Redis; from time to time one probe goes out,
/// off the request's thread, and the first that succeeds closes it. A Redis that answers probes and soon fails again is
/// probed less and less often, as one that answers none, and is not said to be away each time. Refused writes (a
/// read-only replica, memory full, no permission) stop writes alone for a moment: what is cached goes on being served.
final class RedisHealth: Sendable {
    private let probe: @Sendable () throws(RedisError) -> Void
    private let logger: Logger
    private let state = Mutex<State>(State())
    /// Whether `nextProbe` is set; written with it, under the lock. Every request asks, and nearly always it is not.
    private let isOpen = Atomic<Bool>(false)
    private let probes = DispatchQueue(label: "image-proxy.redis-probe")

    fileprivate struct State {
        /// How often it has failed, probes and requests, without having been well for long since.
        var failures = 0
        var nextProbe: ContinuousClock.Instant?
        /// What it last failed with, while it is open.
        var problem: String?
        var isProbing = false
        /// When a probe last closed it.
        var closedAt: ContinuousClock.Instant?
        var news = FailureNews()
        /// The last refusal of a write, and until when none is tried.
        var refusal: (problem: String, until: ContinuousClock.Instant)?
    }

    private static let firstPause = Duration.milliseconds(500)
    private static let longestPause = Duration.seconds(4)
    private static let writePause = Duration.seconds(1)
    /// One that was well for so long is well.
    private static let probation = Duration.seconds(30)

    /// `probe` connects and asks what requests ask.
    init(logger: Logger, probe: @escaping @Sendable () throws(RedisError) -> Void) {
        self.probe = probe
        self.logger = logger
    }

    /// Whether Redis answered when it was last asked.
    var isAvailable: Bool { !isOpen.load(ordering: .relaxed) }

    /// Why it is not asked; nil while it is.
    var problem: String? { state.withLock { $0.problem } }

    /// Why nothing is written.
    var writeProblem: String? { state.withLock { $0.problem ?? $0.refusal?.problem } }

    /// Whether to ask Redis now. Starts a probe where one is due; never waits for it.
    func permitsReads() -> Bool {
        guard !isAvailable else { return true }
        let (permits, probes) = state.withLock { state -> (Bool, Bool) in
            guard let next = state.nextProbe else { return (true, false) }
            guard !state.isProbing, ContinuousClock.now >= next else { return (false, false) }
            state.isProbing = true
            return (false, true)
        }
        if probes { self.probes.async { [self] in runProbe() } }
        return permits
    }

    func permitsWrites() -> Bool {
        permitsReads() && state.withLock { $0.refusal.map { ContinuousClock.now >= $0.until } ?? true }
    }

    /// Takes note of a failure, as far as it tells anything about the server.
    func failed(_ error: RedisError) {
        switch error.reach {
        case .value: return
        case .writes: stopWrites(error)
        case .server: open(error)
        }
    }

    /// The same of a failure to write: who may not write may still read.
    func failedToWrite(_ error: RedisError) {
        if case .refused(code: "NOPERM", _) = error { stopWrites(error) } else { failed(error) }
    }

    private func stopWrites(_ error: RedisError) {
        state.withLock { $0.refusal = ("\(error)", .now + Self.writePause) }
    }

    private func open(_ error: RedisError) {
        let mustSay = state.withLock { state -> Bool in
            let wasClosed = state.nextProbe == nil
            guard wasClosed || state.isProbing else { return false }
            if wasClosed, state.isWell(for: Self.probation) { state.failures = 0 }
            let pause = min(Self.firstPause * (1 << min(state.failures, 4)), Self.longestPause)
            state.failures += 1
            state.isProbing = false
            state.nextProbe = .now + pause
            state.problem = "\(error)"
            isOpen.store(true, ordering: .relaxed)
            return state.news.mustSay(isNew: wasClosed)
        }
        if mustSay {
            logger.warning("Redis is away; images are served without the cache", metadata: [LogKeys.reason: "\(error)"])
        }
    }

    private func runProbe() {
        do { try probe() } catch {
            // An odd value is no trouble of the server's.
            if error.reach == .server { return open(error) }
        }
        let wasSaid = state.withLock { state in
            let wasSaid = state.news.end()
            state = State(failures: state.failures, closedAt: .now, news: state.news)
            isOpen.store(false, ordering: .relaxed)
            return wasSaid
        }
        if wasSaid { logger.notice("Redis is back") }
    }
}

extension RedisHealth.State {
    /// Whether no failure is known of the last `time`.
    fileprivate func isWell(for time: Duration) -> Bool { closedAt.map { .now - $0 > time } ?? true }
}
