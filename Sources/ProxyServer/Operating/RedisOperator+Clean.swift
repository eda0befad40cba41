internal import Redis
import ProxyCore

extension RedisOperator {
    func clean(isDryRun: Bool, _ supervision: Supervision) throws(CacheFailure) -> CleanReport {
        var cleaning = Cleaning(cache: self, isDryRun: isDryRun, isStopped: supervision.isStopped)
        let isComplete = try KeyWalk(self, supervision).forEachStep { (keys) throws(CacheFailure) in
            try cleaning.look(at: keys)
        }
        cleaning.report.isComplete = isComplete && !cleaning.wasStopped
        return cleaning.report
    }
}

private struct Cleaning {
    let cache: RedisOperator
    let isDryRun: Bool
    let isStopped: @Sendable () -> Bool
    var report = CleanReport()
    private(set) var wasStopped = false
    private let now = systemClock()

    /// The lease of a fetch is renewed for a few seconds at a time; a verdict may stay for longer.
    private static let longestLease: Int64 = 60 * 1000

    init(cache: RedisOperator, isDryRun: Bool, isStopped: @escaping @Sendable () -> Bool) {
        self.cache = cache
        self.isDryRun = isDryRun
        self.isStopped = isStopped
    }

    mutating func look(at keys: [CacheKeys.Owned]) throws(CacheFailure) {
        for key in keys {
            guard !isStopped() else { return wasStopped = true }
            switch key.kind {
            case .image: try lookAtImage(key)
            case .metadata: try lookAtMetadata(key)
            case .lease: try lookAtLease(key)
            case .draft: try lookAtDraft(key)
            }
            report.checked += 1
        }
    }

    private mutating func lookAtImage(_ key: CacheKeys.Owned) throws(CacheFailure) {
        let name = RedisArgument(key.bytes)
        let replies = try cache.ask(RedisTier.tailCommands(name))
        guard let end = RedisTier.tail(replies[...]) else {
            if replies.contains(where: \.isError) { try take(.foreign, 0, .removeUnlessString(name)) }
            return
        }
        let located = ImageRecord.parse(tail: end.bytes.span, length: end.length)
        let cacheKey = cache.tier.key(for: key.urlText)
        guard case .damaged(let reason) = try cache.soundness(of: cacheKey, isRaw: located?.content.format == .raw)
        else { return }
        try take(Waste(damage: reason), end.length, .remove(name, tail: end.bytes, length: end.length))
    }

    private mutating func lookAtMetadata(_ key: CacheKeys.Owned) throws(CacheFailure) {
        let name = RedisArgument(key.bytes)
        let image = RedisArgument(cache.tier.key(for: key.urlText).bytes)
        let replies = try cache.ask([
            ["GETRANGE", name, "0", RedisArgument(RedisOperator.metadataLength)], ["STRLEN", name], ["EXISTS", image],
        ])
        guard replies.count == 3, let value = replies[0].string, let length = replies[1].integer else {
            if replies.contains(where: \.isError) { try take(.foreign, 0, .removeUnlessString(name)) }
            return
        }
        // It has expired meanwhile.
        guard length > 0 else { return }
        let waste = waste(value, hasImage: replies[2] != .integer(0))
        guard let waste else { return }
        // What is longer than metadata is known by its length alone.
        let tail = value.count == Int(length) ? value : []
        try take(waste, Int(clamping: length), .remove(name, tail: tail, length: Int(clamping: length)))
    }

    private func waste(_ value: [UInt8], hasImage: Bool) -> Waste? {
        let metadata: ImageMetadata
        do { metadata = try ImageMetadata.parse(value.span) } catch { return Waste(damage: error.rawValue) }
        return !hasImage && cache.configuration.hasOutlivedItsImage(metadata, at: now) ? .orphan : nil
    }

    private mutating func lookAtLease(_ key: CacheKeys.Owned) throws(CacheFailure) {
        let name = RedisArgument(key.bytes)
        let replies = try cache.ask([["GET", name], ["PTTL", name]])
        if replies.contains(where: \.isError) { return try take(.foreign, 0, .removeUnlessString(name)) }
        guard replies.count == 2, let value = replies[0].string, let expiry = replies[1].integer else { return }
        let isHeld = RedisTier.verdict(in: value) == nil
        guard expiry == -1 || isHeld && expiry > Self.longestLease else { return }
        try take(.lease, value.count, .remove(name, tail: value, length: value.count))
    }

    private mutating func lookAtDraft(_ key: CacheKeys.Owned) throws(CacheFailure) {
        let name = RedisArgument(key.bytes)
        let replies = try cache.ask([["PTTL", name], ["STRLEN", name]])
        guard replies.first == .integer(-1) else { return }
        try take(.draft, replies.last?.integer.map { Int(clamping: $0) } ?? 0, .removeUnlessExpiring(name))
    }

    private mutating func take(_ waste: Waste, _ bytes: Int, _ removal: RedisScript) throws(CacheFailure) {
        if !isDryRun {
            guard try cache.tier.run(removal) == .integer(1) else { return }
        }
        report.found[waste, default: 0] += 1
        report.bytes = report.bytes.saturatingAdding(bytes)
    }
}
