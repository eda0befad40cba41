internal import Files
import ProxyCore

extension FileTier {
    func statistics() throws(CacheFailure) -> CacheStatistics { try overview().statistics }

    /// Adds up the indexes: what has expired, was removed or has made room is not in them, or does not count.
    func overview() throws(CacheFailure) -> CacheOverview {
        let now = clock()
        var statistics = CacheStatistics()
        var types: [MediaType?: CacheStatistics.Share] = [:]
        var figures = CacheFolder(maximumBytes: settings.fileCacheSize.bytes)
        do {
            if try folder.isThere() {
                // One that is there had better be tried; one that is not is made for an image, and not for this.
                _ = isAvailable
                for shard in 0..<FileFolder.shardCount {
                    for entry in try index.entries(of: shard) {
                        figures.files += 1
                        figures.usedBytes = figures.usedBytes.saturatingAdding(entry.taken)
                        guard entry.kind.contains(.image), !entry.isExpired(at: now) else { continue }
                        statistics.count(size: entry.size, cachedAt: entry.cachedAt)
                        types[entry.type, default: CacheStatistics.Share()].add(entry.size)
                    }
                }
            }
        } catch {
            throw CacheFailure(reason: "\(error)")
        }
        for (type, share) in types { statistics.types[type?.contentType ?? "other"] = share }
        figures.problem = health.problem
        figures.freeBytes = try? Files.freeBytes(of: folder.path)
        return CacheOverview(statistics: statistics, folder: figures)
    }
}
