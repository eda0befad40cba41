/// A circuit breaker for one origin: an origin that keeps failing is left alone for a while, so that those who ask for its
/// images hear at once what they would hear anyway, and its workers are free for others.
///
///     closed --5 failures in a row--> open --after 1 s--> half-open --success--> closed
///                                      ^                      |
///                                      +--failure, time x 2 --+
///
/// What opens it is also what its failure costs when the origin is well again: an image that could be had is refused for
/// seconds and no longer, by the time of the pause and by that of a probe which hangs.
///
/// The clock, Unix milliseconds, is handed in, and may jump.
public struct OriginBreaker: Equatable, Sendable {
    /// So many failures in a row open a closed breaker.
    public static let failureLimit = 5
    /// For how long it opens first, in milliseconds. Each failed probe doubles the time.
    public static let firstPause: Int64 = 1000
    /// The longest time for which it opens, in milliseconds.
    public static let longestPause: Int64 = 4000
    /// How long a probe may go without a result before another one is let through, in milliseconds: it may have been sent
    /// before the origin was well again, and wait for as long as any request may, or fetch an image that takes minutes.
    public static let probeLimit: Int64 = 4000

    public enum State: Equatable, Sendable {
        case closed(failures: Int)
        /// Closed to all from `since` on, for `pause` milliseconds.
        case open(since: Int64, pause: Int64)
        /// One request, the probe, was let through at `since`.
        case halfOpen(since: Int64, pause: Int64)
    }

    public private(set) var state = State.closed(failures: 0)

    public init() {}

    /// Whether nothing speaks against the origin.
    public var isSound: Bool { state == .closed(failures: 0) }

    /// Whether a request may go to the origin. One that may has to be followed by `succeeded()`, `failed(at:)` or
    /// `abandoned(at:)`.
    public mutating func admits(at now: Int64) -> Bool {
        switch state {
        case .closed: return true
        case .open(_, let pause), .halfOpen(_, let pause):
            guard timeLeft(at: now) == 0 else { return false }
            state = .halfOpen(since: now, pause: pause)
            return true
        }
    }

    /// Milliseconds until the next request may be let through.
    public func timeLeft(at now: Int64) -> Int64 {
        switch state {
        case .closed: 0
        case .open(let since, let pause): Self.timeLeft(of: pause, since: since, at: now)
        case .halfOpen(let since, _): Self.timeLeft(of: Self.probeLimit, since: since, at: now)
        }
    }

    /// The origin has answered, whatever the answer, with anything but a failure of its own.
    public mutating func succeeded() { state = .closed(failures: 0) }

    /// The origin could not be reached, did not answer in time, or answered with a 5xx.
    public mutating func failed(at now: Int64) {
        switch state {
        case .closed(let failures) where failures + 1 < Self.failureLimit: state = .closed(failures: failures + 1)
        case .closed: state = .open(since: now, pause: Self.firstPause)
        // A request from before it opened: it says nothing new.
        case .open: break
        case .halfOpen(_, let pause): state = .open(since: now, pause: min(pause * 2, Self.longestPause))
        }
    }

    /// A request has ended without a word on the origin: its client left. It may have been the probe, so the next one may be.
    public mutating func abandoned(at now: Int64) {
        if case .halfOpen(_, let pause) = state {
            state = .open(since: now.saturatingSubtracting(pause), pause: pause)
        }
    }

    /// Of two threads that read the clock the later one may come first, so that `since` lies a little ahead. When it lies
    /// far ahead the clock was set back, which must not make the pause longer.
    private static func timeLeft(of pause: Int64, since: Int64, at now: Int64) -> Int64 {
        let passed = now.saturatingSubtracting(since)
        return passed < -pause ? 0 : max(0, pause - max(0, passed))
    }
}
