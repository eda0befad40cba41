import Glibc
import Synchronization

/// Workers beyond the usual number, for the time in which all the others wait: for origins, or for web servers to take more
/// of an answer.
///
/// A web server takes an answer in its own time, and its clients may be slow, or read nothing at all: a few dozen of them
/// could hold every worker. So where no worker is left another is started, up to `most`; it leaves as soon as there are
/// more than are needed. Where even that is not enough for those that wait for web servers, whoever has been given nothing
/// to do for longest goes: the patience with a web server that takes nothing is then a second, not half a minute.
///
/// In the same way the last of the usual number are started, when they are first needed; those stay.
///
/// Sendable: the state is behind a lock, which is taken only where a worker waits, or has nothing to do.
public final class Reserve: Sendable {
    /// A web server that takes nothing for so long is broken.
    private let patience: Duration
    private let state = Mutex(State())
    /// How many of the usual number have not been started.
    private let missing = Atomic<Int>(0)

    private struct State {
        /// Starts one more worker; false when the system gives none. Nil while there is no reserve.
        var start: (@Sendable () -> Bool)?
        var most = 0
        var started = 0
        /// How many may wait in peace.
        var mostWaits = Int.max
        /// Since when a web server has taken nothing, by the descriptor of its connection.
        var waits: [Int32: ContinuousClock.Instant] = [:]
    }

    /// How long one may wait where too many do.
    private static let patienceInACrowd = Duration.seconds(1)
    /// How often it is looked whether too many do, in milliseconds.
    private static let interval: Int32 = 250

    init(patience: Duration = FastCGIRequest.patience) { self.patience = patience }

    /// From now on up to `most` workers are started beside the `usual` number, of which some may be `missing` still. An
    /// eighth of all, and one at least, is never left waiting for web servers.
    public func open(usual: Int, missing: Int = 0, most: Int, _ start: @escaping @Sendable () -> Bool) {
        let all = usual + most
        self.missing.store(missing, ordering: .relaxed)
        state.withLock { state in
            state.most = most
            state.mostWaits = all - max(1, all / 8)
            state.start = start
        }
    }

    /// No more are started.
    public func close() { state.withLock { $0.start = nil } }

    /// Starts a worker if there may be one more.
    func callUp() {
        if complete() { return }
        let start = state.withLock { state -> (@Sendable () -> Bool)? in
            guard state.started < state.most, let start = state.start else { return nil }
            state.started += 1
            return start
        }
        if let start, !start() { state.withLock { $0.started -= 1 } }
    }

    /// Starts one of the usual number that was not needed before; false where there is none.
    @discardableResult
    func complete() -> Bool {
        guard missing.load(ordering: .relaxed) > 0, let start = state.withLock({ $0.start }) else { return false }
        if missing.subtract(1, ordering: .relaxed).oldValue > 0, start() { return true }
        missing.add(1, ordering: .relaxed)
        return false
    }

    /// Whether the worker that asks, and has nothing to do, is one too many and has to end.
    func dismisses() -> Bool {
        state.withLock { state in
            guard state.started > 0 else { return false }
            state.started -= 1
            return true
        }
    }

    /// Waits until a web server takes more; false when it is to be given up.
    func waitForRoom(on descriptor: Int32) -> Bool {
        let start = ContinuousClock.now
        state.withLock { $0.waits[descriptor] = start }
        defer { state.withLock { $0.waits[descriptor] = nil } }
        var watched = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        repeat {
            if unsafe poll(&watched, 1, Self.interval) > 0 { return true }
        } while ContinuousClock.now - start < (isOneTooMany(descriptor) ? Self.patienceInACrowd : patience)
        return false
    }

    /// Whether somebody waits for the web server at the other end.
    func isWaiting(_ descriptor: Int32) -> Bool { state.withLock { $0.waits[descriptor] != nil } }

    /// Whether it is among those that have waited longest, by as many as there are too many.
    private func isOneTooMany(_ descriptor: Int32) -> Bool {
        state.withLock { state in
            let surplus = state.waits.count - state.mostWaits
            guard surplus > 0, let since = state.waits[descriptor] else { return false }
            return state.waits.values.count { $0 < since } < surplus
        }
    }
}
