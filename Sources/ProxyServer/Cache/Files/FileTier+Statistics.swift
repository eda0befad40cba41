internal import Files
import ProxyCore

extension FileTier {
    /// Adds up the indexes: what has expired, was removed or has made room is not in them, or does not count.
    func statistics() throws(CacheFailure) -> CacheStatistics {
        let now = clock()
        var statistics = CacheStatistics()
        var types: [MediaType?: CacheStatistics.Share] = [:]
        do {
            guard try folder.isThere() else { return statistics }
            for shard in 0..<FileFolder.shardCount {
                for entry in try index.entries(of: shard) where entry.kind.contains(.image) && !entry.isExpired(at: now)
                {
                    statistics.count(size: entry.size, cachedAt: entry.cachedAt)
                    types[entry.type, default: CacheStatistics.Share()].add(entry.size)
                }
            }
        } catch {
            throw CacheFailure(reason: "\(error)")
        }
        for (type, share) in types { statistics.types[type?.contentType ?? "other"] = share }
        return statistics
    }
}
