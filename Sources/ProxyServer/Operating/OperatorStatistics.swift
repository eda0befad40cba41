import ProxyCore

/// What is in the cache, and what those who use it have done, as an operator asks for it.
public struct OperatorStatistics: Sendable {
    /// Counted entry by entry, just now.
    public let cache: CacheStatistics
    /// Nil with Redis.
    public let folder: CacheFolder?
    /// The hosts that have used this cache within the last seven days, the one that was heard of last first.
    public let hosts: [HostCounts]
}

/// What the processes of a host have counted since its name was first heard of.
public struct HostCounts: Sendable {
    public let name: String
    /// By their names in the statistics, in the order of these.
    public let counts: [(name: String, count: Int)]

    /// Hits among the requests that the cache was asked for; nil before there is one.
    public let hitRate: Double?

    public subscript(name: String) -> Int { counts.first { $0.name == name }?.count ?? 0 }

    init(_ name: String, _ reading: MetricsReading) {
        self.name = name
        counts = Metrics().all.map { ($0.name, reading[$0.name]) }
        hitRate = reading.hitRate
    }
}
