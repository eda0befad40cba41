/// What a shared cache knows of a response that it keeps: when it came to be, until when it is fresh, what may be done
/// with it after that, and by what the origin knows it. The clock, Unix milliseconds, is handed in.
public struct StoredResponse: Equatable, Sendable {
    public var validators: Validators
    /// When the response had the age 0 (RFC 9111, 4.2.3), in Unix milliseconds.
    public var generatedAt: Int64
    /// When it becomes stale, in Unix milliseconds: `expiresAt` of its record.
    public var freshUntil: Int64
    /// Seconds behind `freshUntil` in which it is still served, while it is revalidated (RFC 5861, 3).
    public var staleWhileRevalidate: Int
    /// Seconds behind `freshUntil` in which it is still served, when its origin fails (RFC 5861, 4).
    public var staleIfError: Int
    /// Whether its origin forbids every cache to use it stale (RFC 9111, 4.2.4).
    public var mustRevalidate: Bool

    public init(
        validators: Validators = Validators(), generatedAt: Int64, freshUntil: Int64, staleWhileRevalidate: Int = 0,
        staleIfError: Int = 0, mustRevalidate: Bool = false
    ) {
        self.validators = validators
        self.generatedAt = generatedAt
        self.freshUntil = freshUntil
        self.staleWhileRevalidate = staleWhileRevalidate
        self.staleIfError = staleIfError
        self.mustRevalidate = mustRevalidate
    }

    /// How a response may be used at a time.
    public enum Use: Equatable, Sendable {
        /// As it is.
        case fresh
        /// As it is, if somebody revalidates it.
        case staleWhileRevalidate
        /// If its origin has been asked in vain.
        case staleIfError
        /// Only when the origin has said that it is still good.
        case unusable
    }

    /// A response that is not fresh for as long is kept for its validators alone: to ask for a 304 costs less than an image.
    static let revalidationTime: Int64 = 60 * 60 * 1000

    /// How far ahead the clock of another host may be.
    static let clockTolerance: Int64 = 60 * 1000

    public func use(at now: Int64) -> Use {
        let left = timeLeft(at: now)
        if left > 0 { return .fresh }
        if left > -Self.milliseconds(max(0, staleWhileRevalidate)) { return .staleWhileRevalidate }
        return left > -Self.milliseconds(max(0, staleIfError)) ? .staleIfError : .unusable
    }

    /// The age in seconds, for the Age field (RFC 9111, 5.1).
    public func age(at now: Int64) -> Int { max(0, Self.seconds(now.saturatingSubtracting(generatedAt))) }

    /// The seconds for which it stays fresh; less than 0 when it is stale.
    public func freshnessLeft(at now: Int64) -> Int { Self.seconds(timeLeft(at: now)) }

    /// When the cache may forget it, in Unix milliseconds.
    public var retainedUntil: Int64 {
        let window = Self.milliseconds(max(staleWhileRevalidate, staleIfError, 0))
        let end = freshUntil.saturatingAdding(window)
        return validators.isEmpty ? end : max(end, generatedAt.saturatingAdding(Self.revalidationTime))
    }

    /// Milliseconds until it is stale. What has no lifetime is not fresh even by a clock that is behind. A response from
    /// the future was written by a clock that was wrong, so nobody knows how old it is: it has just become stale.
    private func timeLeft(at now: Int64) -> Int64 {
        let left = freshUntil.saturatingSubtracting(now)
        let isNeverFresh = freshUntil <= generatedAt || generatedAt.saturatingSubtracting(now) > Self.clockTolerance
        return isNeverFresh ? min(left, 0) : left
    }
}

extension StoredResponse {
    static func milliseconds(_ seconds: Int) -> Int64 { Int64(seconds).saturatingMultiplied(by: 1000) }

    /// Whole seconds, rounded down: what became stale half a second ago has less than 0 left.
    static func seconds(_ milliseconds: Int64) -> Int {
        let seconds = milliseconds / 1000 - (milliseconds % 1000 < 0 ? 1 : 0)
        let limit = Int64(FieldText.maximumDeltaSeconds)
        return Int(min(max(seconds, -limit), limit))
    }
}
