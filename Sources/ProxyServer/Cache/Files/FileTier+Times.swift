import ProxyCore

/// Times of files, in nanoseconds since 1970. They are the system's, whose clock may have been another when a file was
/// written, or what somebody has set them to.
extension FileTier {
    private var now: Int { Int(clock()).saturatingMultiplied(by: 1_000_000) }

    /// Whether a time is further from now than so many nanoseconds: one that is yet to come is of a clock that was wrong.
    func isFar(_ time: Int, by age: Int) -> Bool { now.saturatingSubtracting(time).magnitude > age.magnitude }

    /// Whether a time is yet to come, by more than clocks are set right by every day.
    func isYetToCome(_ time: Int) -> Bool { time.saturatingSubtracting(now) > Self.dailyCorrection }

    private static let dailyCorrection = 5 * 1_000_000_000
}
