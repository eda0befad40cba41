/// When a failure that may come and go is said: one that is new, unless something was said a moment ago, and one that turns
/// out to be more than a moment. A value: whoever has it guards it.
struct FailureNews {
    private var saidAt: ContinuousClock.Instant?
    /// Whether the failure that lasts was said.
    private var isSaid = false

    /// What fails for a moment again and again is said no more often.
    private static let silence = Duration.seconds(60)

    /// Whether the failure that lasts is to be said, which then counts as said.
    mutating func mustSay(isNew: Bool) -> Bool {
        guard !isSaid, !isNew || saidAt.map({ .now - $0 > Self.silence }) ?? true else { return false }
        (saidAt, isSaid) = (.now, true)
        return true
    }

    /// The failure has ended. Whether that is to be said, as the failure was.
    mutating func end() -> Bool {
        defer { isSaid = false }
        return isSaid
    }
}
