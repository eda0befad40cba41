public import ProxyCore

/// The statistics that `P/stats` shows: what is in the cache now, and what this process has done.
struct Statistics: Sendable {
    let cache: (any CacheTier)?
    let metrics: Metrics

    func json() -> [UInt8] {
        let current = try? cache?.statistics()
        var text = JSONText()
        text.object { text in
            (current ?? CacheStatistics()).write(to: &text)
            text.member("cacheAvailable", .boolean(current != nil))
            for (name, count) in metrics.all { text.member(name, .integer(Int64(count))) }
        }
        return text.bytes
    }
}

extension CacheStatistics {
    /// The members that every reader of statistics knows.
    public func write(to text: inout JSONText) {
        text.member("totalImages", .integer(Int64(totalImages)))
        text.member("totalSize", .integer(Int64(totalSize)))
        text.member("oldestCache", oldestCache.map { .integer($0) } ?? .null)
        text.member("newestCache", newestCache.map { .integer($0) } ?? .null)
    }
}
