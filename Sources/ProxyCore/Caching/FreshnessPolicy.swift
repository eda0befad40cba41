/// Whether a response of an origin may be kept (RFC 9111, 3).
public enum Storability: Equatable, Sendable {
    case storable(StoredResponse)
    case notStorable(reason: NotStorable)
}

/// Why a response is not kept. The raw value is for logs and metrics.
public enum NotStorable: String, Sendable, CaseIterable {
    /// RFC 9111, 5.2.2.5
    case noStore = "no-store"
    /// For one user, and we are a shared cache (RFC 9111, 5.2.2.7).
    case isPrivate = "private"
    /// It depends on more of a request than its URL (RFC 9111, 4.1).
    case varies = "vary"
    /// It may not be used even once: it came without freshness, stale use or validators.
    case unusable
    /// A 304 that speaks of another representation than the one that was asked about (RFC 9111, 4.3.4).
    case otherRepresentation = "other-representation"
    /// It may have been cut, and nobody can tell (RFC 9112, 9.8).
    case uncertainEnd = "uncertain-end"
}

/// How long what an origin sends may be used: the rules of a shared cache (RFC 9111, RFC 5861) within the operator's bounds.
///
/// - `no-store` and `private` are never stored, whatever the bounds. `no-cache` is stored for its validators: it is never
///   fresh, and never used stale.
/// - The lifetime is `s-maxage`, else `max-age`, else `Expires` less `Date`, else `IMAGE_PROXY_CACHE_TTL`.
/// - What is left of it at reception is brought within `IMAGE_PROXY_MIN_TTL` and `IMAGE_PROXY_MAX_TTL`, the upper one last.
/// - Stale use is as long as the origin says, at most the upper bound; where it says nothing, as the operator says.
public struct FreshnessPolicy: Equatable, Sendable {
    private let minimumTTL: Int64
    private let maximumTTL: Int64
    private let imageTTL: Int64
    private let staleWhileRevalidate: Int
    private let staleIfError: Int
    private let ignoresOrigin: Bool

    public init(_ freshness: Configuration.Freshness, imageTTL: Duration) {
        minimumTTL = Self.milliseconds(freshness.minimumTTL)
        maximumTTL = Self.milliseconds(freshness.maximumTTL)
        self.imageTTL = Self.milliseconds(imageTTL)
        staleWhileRevalidate = StoredResponse.seconds(Self.milliseconds(freshness.staleWhileRevalidate))
        staleIfError = StoredResponse.seconds(Self.milliseconds(freshness.staleIfError))
        ignoresOrigin = freshness.ignoresOriginCacheControl
    }

    /// Judges a response that brings a whole representation. The times are Unix milliseconds: when its request was sent,
    /// and when its head had come.
    public func judge(_ response: OriginFields, requestedAt: Int64, receivedAt: Int64) -> Storability {
        let validators = response.validators(at: receivedAt)
        guard !ignoresOrigin else { return fixed(validators, receivedAt: receivedAt) }
        let control = CacheControl(response.cacheControl)
        if let reason = refusal(response, control) { return .notStorable(reason: reason) }
        let age = response.initialAge(requestedAt: requestedAt, receivedAt: receivedAt)
        // The operator's lifetime is what a response has here, however old it was when it came.
        let lifetime =
            response.freshnessLifetime(control, receivedAt: receivedAt) ?? imageTTL.saturatingAdding(age)
        return storable(
            validators, lifetime: control.noCache ? nil : lifetime, windows: windows(control, lifetime: lifetime),
            mustRevalidate: control.forbidsStale, age: age, receivedAt: receivedAt)
    }

    /// Renews a stored response by a 304 (RFC 9111, 4.3.4): what the 304 says counts, and of the rest what is known.
    public func renewed(
        _ stored: StoredResponse, by response: OriginFields, requestedAt: Int64, receivedAt: Int64
    ) -> Storability {
        guard let validators = stored.validators.renewed(by: response.validators(at: receivedAt)) else {
            return .notStorable(reason: .otherRepresentation)
        }
        guard !ignoresOrigin else { return fixed(validators, receivedAt: receivedAt) }
        let control = CacheControl(response.cacheControl)
        if let reason = refusal(response, control) { return .notStorable(reason: reason) }
        let known = stored.freshUntil.saturatingSubtracting(stored.generatedAt)
        let given = response.freshnessLifetime(control, receivedAt: receivedAt)
        let isNeverFresh = control.noCache || given == nil && known <= 0
        let lifetime = given ?? known
        let isSilent = response.cacheControl.isEmpty
        return storable(
            validators, lifetime: isNeverFresh ? nil : lifetime,
            windows: isSilent
                ? (stored.staleWhileRevalidate, stored.staleIfError) : windows(control, lifetime: lifetime),
            mustRevalidate: isSilent ? stored.mustRevalidate : control.forbidsStale,
            age: response.initialAge(requestedAt: requestedAt, receivedAt: receivedAt), receivedAt: receivedAt)
    }
}

extension FreshnessPolicy {
    /// How long a cache keeps a response, from `now` on: as long as it is fresh or may be used stale, but past its freshness
    /// no longer than `IMAGE_PROXY_CACHE_TTL`, or a minute. So stale use happens within the lifetime that the operator gave,
    /// and does not double what the cache holds. A second at least, since a record always expires.
    public func retention(of response: StoredResponse, at now: Int64) -> Duration {
        let longest = max(response.freshUntil.saturatingSubtracting(now), imageTTL, Self.leastRetention)
        let useful = response.retainedUntil.saturatingSubtracting(now)
        return .milliseconds(max(1000, min(useful, longest)))
    }

    /// In milliseconds: with a lifetime of seconds an origin that fails for a moment is to show no more than with a long one.
    private static let leastRetention: Int64 = 60_000

    private typealias Windows = (whileRevalidate: Int, ifError: Int)

    private func refusal(_ response: OriginFields, _ control: CacheControl) -> NotStorable? {
        if control.noStore { return .noStore }
        if control.isPrivate { return .isPrivate }
        return response.varies ? .varies : nil
    }

    /// The seconds of stale use. The directives that forbid it (RFC 9111, 4.2.4) win over those that grant it.
    ///
    /// `s-maxage` forbids it too (5.2.2.10), but an origin that sends it together with `stale-while-revalidate` has granted
    /// it to shared caches in so many words. So `s-maxage` takes away what the operator would grant, and no more. A
    /// lifetime of 0 is a wish to be asked every time, and the operator's while-revalidate would thwart it.
    private func windows(_ control: CacheControl, lifetime: Int64) -> Windows {
        guard !control.forbidsStale else { return (0, 0) }
        let limit = StoredResponse.seconds(maximumTTL)
        let isOurs = control.sMaxAge == nil
        return (
            control.staleWhileRevalidate.map { min($0, limit) } ?? (isOurs && lifetime > 0 ? staleWhileRevalidate : 0),
            control.staleIfError.map { min($0, limit) } ?? (isOurs ? staleIfError : 0)
        )
    }

    /// A lifetime of nil is that of what is never fresh, and no bound of the operator changes it.
    private func storable(
        _ validators: Validators, lifetime: Int64?, windows: Windows, mustRevalidate: Bool, age: Int64,
        receivedAt: Int64
    ) -> Storability {
        let generatedAt = max(0, receivedAt.saturatingSubtracting(age))
        let left = lifetime.map { min(raised($0.saturatingSubtracting(age)), maximumTTL) }
        let response = StoredResponse(
            validators: validators, generatedAt: generatedAt,
            freshUntil: left.map { max(0, receivedAt.saturatingAdding($0)) } ?? generatedAt,
            staleWhileRevalidate: windows.whileRevalidate, staleIfError: windows.ifError,
            mustRevalidate: mustRevalidate)
        guard response.retainedUntil > receivedAt else { return .notStorable(reason: .unusable) }
        return .storable(response)
    }

    /// Without a lower bound a response that comes stale has been so for a while, and its stale use is the shorter for it.
    private func raised(_ left: Int64) -> Int64 { minimumTTL > 0 ? max(left, minimumTTL) : left }

    /// What every image gets when origins are not heard, as in the TypeScript application.
    private func fixed(_ validators: Validators, receivedAt: Int64) -> Storability {
        .storable(
            StoredResponse(
                validators: validators, generatedAt: receivedAt,
                freshUntil: receivedAt.saturatingAdding(imageTTL)))
    }

    private static func milliseconds(_ duration: Duration) -> Int64 {
        let (seconds, attoseconds) = duration.components
        return StoredResponse.milliseconds(Int(clamping: seconds))
            .saturatingAdding(attoseconds / 1_000_000_000_000_000)
    }
}
