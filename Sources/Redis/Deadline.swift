/// The moment at which a call gives up, on a clock that no one can set.
struct Deadline: Sendable {
    let instant: ContinuousClock.Instant

    init(_ instant: ContinuousClock.Instant) { self.instant = instant }

    init(after timeout: Duration, atMost limit: ContinuousClock.Instant? = nil) {
        let instant = ContinuousClock.now.advanced(by: timeout)
        self.instant = limit.map { min($0, instant) } ?? instant
    }

    /// What is left; zero or less once it has passed.
    var remaining: Duration { ContinuousClock.now.duration(to: instant) }

    /// What is left for `poll`, rounded up so that it does not spin through the last millisecond; nil once passed.
    var milliseconds: Int32? {
        let left = remaining
        guard left > .zero else { return nil }
        let (seconds, attoseconds) = left.components
        guard seconds < 1_000_000 else { return 1_000_000_000 }
        return Int32(clamping: seconds * 1000 + (attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000)
    }
}
