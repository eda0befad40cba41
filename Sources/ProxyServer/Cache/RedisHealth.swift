internal import Dispatch
internal import Redis
import Logging
import Synchronization

/// Decides whether Redis is asked at all: a circuit breaker, so that its trouble is paid once and not by every request.
///
/// A failure of the server opens it. While it is open nothing waits for Redis; from time to time one probe goes out,
/// off the request's thread, and the first that succeeds closes it. Refused writes (a read-only replica, memory full)
/// stop writes alone for a moment: what is cached goes on being served.
final class RedisHealth: Sendable {
    private let probe: @Sendable () throws(RedisError) -> Void
    private let logger: Logger
    private let state = Mutex<State>(State())
    /// Whether `nextProbe` is set; written with it, under the lock. Every request asks, and nearly always it is not.
    private let isOpen = Atomic<Bool>(false)
    private let probes = DispatchQueue(label: "image-proxy.redis-probe")

    private struct State {
        var failures = 0
        var nextProbe: ContinuousClock.Instant?
        /// What it last failed with, while it is open.
        var problem: String?
        var isProbing = false
        var writesFrom: ContinuousClock.Instant?
    }

    private static let firstPause = Duration.milliseconds(500)
    private static let longestPause = Duration.seconds(4)
    private static let writePause = Duration.seconds(1)

    /// `probe` connects and asks something cheap.
    init(logger: Logger, probe: @escaping @Sendable () throws(RedisError) -> Void) {
        self.probe = probe
        self.logger = logger
    }

    /// Whether Redis answered when it was last asked.
    var isAvailable: Bool { !isOpen.load(ordering: .relaxed) }

    /// Why it is not asked; nil while it is.
    var problem: String? { state.withLock { $0.problem } }

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
        permitsReads() && state.withLock { $0.writesFrom.map { ContinuousClock.now >= $0 } ?? true }
    }

    /// Takes note of a failure, as far as it tells anything about the server.
    func failed(_ error: RedisError) {
        switch error.reach {
        case .value: return
        case .writes:
            state.withLock { $0.writesFrom = .now + Self.writePause }
        case .server: open(error)
        }
    }

    private func open(_ error: RedisError) {
        let wasClosed = state.withLock { state -> Bool in
            let wasClosed = state.nextProbe == nil
            guard wasClosed || state.isProbing else { return false }
            let pause = min(Self.firstPause * (1 << min(state.failures, 4)), Self.longestPause)
            state.failures += 1
            state.isProbing = false
            state.nextProbe = .now + pause
            state.problem = "\(error)"
            isOpen.store(true, ordering: .relaxed)
            return wasClosed
        }
        if wasClosed {
            logger.warning("Redis is away; images are served without the cache", metadata: [LogKeys.reason: "\(error)"])
        }
    }

    private func runProbe() {
        do { try probe() } catch { return open(error) }
        state.withLock { state in
            state = State()
            isOpen.store(false, ordering: .relaxed)
        }
        logger.notice("Redis is back")
    }
}
