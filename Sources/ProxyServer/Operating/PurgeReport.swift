public import ProxyCore

/// What was purged, or would be.
public struct PurgeReport: Sendable, Equatable {
    /// Keys, by what stood under them.
    public internal(set) var counts: [CacheKeys.Kind: Int] = [:]
    /// False when it was stopped before its end.
    public internal(set) var isComplete = true
}
