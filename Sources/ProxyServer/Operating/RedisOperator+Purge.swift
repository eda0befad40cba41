internal import Redis
import ProxyCore

extension RedisOperator {
    func purge(
        _ selection: CacheSelection, isDryRun: Bool, _ supervision: Supervision, found: (String) -> Void
    ) throws(CacheFailure) -> PurgeReport {
        var purge = Purge(cache: self, selection: selection, isDryRun: isDryRun, now: systemClock())
        if case .url(let urlText) = selection.scope {
            try purge.remove([urlText], drafts: [], found)
        } else {
            purge.report.isComplete = try KeyWalk(self, supervision).forEachStep { (keys) throws(CacheFailure) in
                try purge.take(keys, found)
            }
        }
        return purge.report
    }
}

private struct Purge {
    let cache: RedisOperator
    let selection: CacheSelection
    let isDryRun: Bool
    let now: Int64
    var report = PurgeReport()
    /// Hashes of the sources that were met.
    private var seen: Set<Int> = []

    init(cache: RedisOperator, selection: CacheSelection, isDryRun: Bool, now: Int64) {
        self.cache = cache
        self.selection = selection
        self.isDryRun = isDryRun
        self.now = now
    }

    mutating func take(_ keys: [CacheKeys.Owned], _ found: (String) -> Void) throws(CacheFailure) {
        let meant = keys.filter { selection.includes($0.urlText) }
        let sources = meant.map(\.urlText).filter { seen.insert(Array($0.utf8).hashValue).inserted }
        // What is being written now is younger than anything.
        let drafts = selection.minimumAge == nil ? meant.filter { $0.kind == .draft } : []
        try remove(sources, drafts: drafts, found)
    }

    mutating func remove(
        _ sources: [String], drafts: [CacheKeys.Owned], _ found: (String) -> Void
    ) throws(CacheFailure) {
        let keys = try oldEnough(sources).flatMap { cache.keys.keys(of: $0) } + drafts
        guard !keys.isEmpty else { return }
        let replies = try cache.ask(keys.map { [isDryRun ? "EXISTS" : "UNLINK", RedisArgument($0.bytes)] })
        var last: String?
        for (key, reply) in zip(keys, replies) where reply == .integer(1) {
            report.counts[key.kind, default: 0] += 1
            if key.kind != .draft, key.urlText != last { found(key.urlText) }
            last = key.urlText
        }
    }

    private func oldEnough(_ sources: [String]) throws(CacheFailure) -> [String] {
        guard selection.minimumAge != nil, !sources.isEmpty else { return sources }
        let replies = try cache.ask(sources.flatMap { Self.timeCommands(cache.keys.keys(of: $0)) })
        return sources.enumerated().filter { index, _ in
            let time = Self.time(replies.dropFirst(index * Self.timeReplies).prefix(Self.timeReplies))
            return selection.includes(cachedAt: time, at: now)
        }.map(\.element)
    }

    private static let timeReplies = 3

    /// Asks for the end of the record, where its time stands, and for the metadata.
    private static func timeCommands(_ keys: [CacheKeys.Owned]) -> [[RedisArgument]] {
        keys.flatMap { key -> [[RedisArgument]] in
            switch key.kind {
            case .image: RedisTier.tailCommands(RedisArgument(key.bytes))
            case .metadata: [["GETRANGE", RedisArgument(key.bytes), "0", RedisArgument(RedisOperator.metadataLength)]]
            case .lease, .draft: []
            }
        }
    }

    /// When the image came into the cache; when its metadata did, where there is no image.
    private static func time(_ replies: ArraySlice<RedisReply>) -> Int64? {
        let record = RedisTier.tail(replies).flatMap { ImageRecord.parse(tail: $0.bytes.span, length: $0.length) }
        if let record { return record.record.cachedAt }
        return replies.last?.string.flatMap { try? ImageMetadata.parse($0.span) }?.cachedAt
    }
}

extension RedisOperator {
    /// More than metadata has bytes.
    static let metadataLength = 4096
}
