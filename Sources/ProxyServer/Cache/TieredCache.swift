import ProxyCore

/// A cache that processes share, as memory needs it that stands in front of one.
protocol SharedTier: CacheTier {
    func key(for urlText: String) -> CacheKey
    func lookup(_ key: CacheKey) -> CacheLookup
    func effort(for key: CacheKey) -> LookupEffort
    func lookups(of keys: [CacheKey]) -> (any LookupSeries)?
    /// The fingerprint of the record that is there now; nil when that cannot be found out. That of no record is no other's.
    func fingerprint(of key: CacheKey) -> RecordFingerprint?
    /// Gives the image with this fingerprint another record. The fingerprint that it has from then on; nil when another
    /// image is there.
    func renewed(
        _ fingerprint: RecordFingerprint, as record: ImageRecord, expiry: Duration, _ key: CacheKey
    ) throws(CacheFailure) -> RecordFingerprint?
}

extension SharedTier {
    func lookup(_ urlText: String) -> CacheLookup { lookup(key(for: urlText)) }

    func effort(for urlText: String) -> LookupEffort { effort(for: key(for: urlText)) }

    func effort(for key: CacheKey) -> LookupEffort { .own }

    func lookups(of urlTexts: [String]) -> (any LookupSeries)? { lookups(of: urlTexts.map(key)) }

    func lookups(of keys: [CacheKey]) -> (any LookupSeries)? { nil }

    func renew(
        _ image: CachedImage, as record: ImageRecord, expiry: Duration, of urlText: String
    ) throws(CacheFailure) -> Bool {
        try renewed(image.fingerprint, as: record, expiry: expiry, key(for: urlText)) != nil
    }
}

/// Memory in front of Redis, or of the embedded store.
///
/// The shared tier has the last word: a copy in memory is compared with its record before it is served, unless that was
/// done within the last half second. So what was replaced or purged, by whichever process, or has expired there, is gone
/// from here within a second; and while it is away, what is in memory stays. Whether it is fresh is for others to judge.
///
/// An image comes into memory with its second hit in the shared tier. What is asked for twice, a miss and a hit, leaves
/// memory alone.
final class TieredCache<Shared: SharedTier>: CacheTier {
    private let memory: MemoryTier
    private let shared: Shared
    /// Records that were hit once.
    private let candidates = RecentSet(capacity: 8192)
    /// What is being gathered for memory, over all requests, is bounded as memory is.
    private let gathering: StoreBudget

    private static var checkInterval: Duration { .milliseconds(500) }

    init(memory: MemoryTier, shared: Shared, gatheringLimit: Int) {
        self.memory = memory
        self.shared = shared
        gathering = StoreBudget(limit: gatheringLimit)
    }

    var isAvailable: Bool { shared.isAvailable }

    func lookup(_ urlText: String) -> CacheLookup {
        let key = shared.key(for: urlText)
        if let entry = memory.entry(for: key) {
            if isCurrent(entry, key) { return .hit(CachedImage(entry)) }
            memory.remove(key)
        }
        return promoted(shared.lookup(key), key)
    }

    /// What was found in the shared tier, from memory if its time has come.
    private func promoted(_ lookup: CacheLookup, _ key: CacheKey) -> CacheLookup {
        guard case .hit(let image) = lookup, memory.admits(image.size),
            image.body.handedOver == nil, !candidates.insert(image.fingerprint.value)
        else { return lookup }
        return .hit(promote(image, key))
    }

    func effort(for urlText: String) -> LookupEffort {
        let key = shared.key(for: urlText)
        guard let entry = memory.peek(key) else { return shared.effort(for: key) }
        return entry.wasChecked(within: Self.checkInterval) ? .atHand : .own
    }

    func lookups(of urlTexts: [String]) -> (any LookupSeries)? {
        let keys = urlTexts.map(shared.key)
        return shared.lookups(of: keys).map { series in
            TieredSeries(series, keys) { [self] lookup, key in promoted(lookup, key) }
        }
    }

    func makeWriter(for urlText: String, length: Int?) -> any CacheWriter {
        ReplacingWriter(shared.makeWriter(for: urlText, length: length), in: memory, for: shared.key(for: urlText))
    }

    func renew(
        _ image: CachedImage, as record: ImageRecord, expiry: Duration, of urlText: String
    ) throws(CacheFailure) -> Bool {
        let key = shared.key(for: urlText)
        guard let renewed = try shared.renewed(image.fingerprint, as: record, expiry: expiry, key) else { return false }
        memory.renew(key, from: image.fingerprint, to: renewed, record)
        return true
    }

    func claimFetch(of urlText: String, as token: FetchToken, for time: Duration) -> FetchClaim {
        shared.claimFetch(of: urlText, as: token, for: time)
    }

    func verdict(on urlText: String) -> String? { shared.verdict(on: urlText) }

    func renewFetch(of urlText: String, as token: FetchToken, for time: Duration) -> Bool {
        shared.renewFetch(of: urlText, as: token, for: time)
    }

    func endFetch(of urlText: String, as token: FetchToken, leaving verdict: String?, for time: Duration) {
        shared.endFetch(of: urlText, as: token, leaving: verdict, for: time)
    }

    func remove(_ urlText: String) {
        memory.remove(shared.key(for: urlText))
        shared.remove(urlText)
    }

    func storeMetadata(_ metadata: ImageMetadata, of urlText: String) throws(CacheFailure) {
        try shared.storeMetadata(metadata, of: urlText)
    }

    func statistics() throws(CacheFailure) -> CacheStatistics { try shared.statistics() }

    func overview() throws(CacheFailure) -> CacheOverview { try shared.overview() }

    var memoryUsage: (bytes: Int, entries: Int)? { memory.usage }

    func watched() { shared.watched() }

    var wantsCount: Bool { shared.wantsCount }

    func keepCount(isStopping: () -> Bool) { shared.keepCount(isStopping: isStopping) }

    func publish(_ counts: MetricsReading, of host: String) throws(CacheFailure) {
        try shared.publish(counts, of: host)
    }

    func hostCounts() throws(CacheFailure) -> [(host: String, counts: MetricsReading)] { try shared.hostCounts() }

    func memoryEntry(of urlText: String) -> MemoryReport.Entry? {
        let key = shared.key(for: urlText)
        guard let entry = memory.peek(key) else { return nil }
        return MemoryReport.Entry(entry.record, isCurrent: shared.fingerprint(of: key).map { $0 == entry.fingerprint })
    }

    private func isCurrent(_ entry: MemoryEntry, _ key: CacheKey) -> Bool {
        guard entry.isDueForCheck(every: Self.checkInterval) else { return true }
        switch shared.fingerprint(of: key) {
        case .some(let current): return current == entry.fingerprint
        // It cannot be asked: better what we have than nothing.
        case nil: return true
        }
    }

    private func promote(_ image: CachedImage, _ key: CacheKey) -> CachedImage {
        if let whole = image.body as? WholeBody {
            let entry = whole.entry(for: image)
            memory.insert(entry, for: key)
            return CachedImage(entry)
        }
        guard gathering.reserve(image.size) else { return image }
        return CachedImage(image, gatheredBy: GatheredBody(image, into: memory, for: key, budget: gathering))
    }
}

/// What the shared tier answers, and memory keeps of it.
private final class TieredSeries: LookupSeries {
    private let series: any LookupSeries
    private var keys: ArraySlice<CacheKey>
    private let promoted: (CacheLookup, CacheKey) -> CacheLookup

    init(
        _ series: any LookupSeries, _ keys: [CacheKey], _ promoted: @escaping (CacheLookup, CacheKey) -> CacheLookup
    ) {
        self.series = series
        self.keys = keys[...]
        self.promoted = promoted
    }

    func next() -> CacheLookup? {
        let key = keys.popFirst()
        guard let lookup = series.next(), let key else { return nil }
        return promoted(lookup, key)
    }
}

/// Writes to the shared tier, and then takes what was there before out of memory: who stored an image is served nothing older.
private final class ReplacingWriter: CacheWriter {
    private let writer: any CacheWriter
    private let memory: MemoryTier
    private let key: CacheKey

    init(_ writer: any CacheWriter, in memory: MemoryTier, for key: CacheKey) {
        self.writer = writer
        self.memory = memory
        self.key = key
    }

    func append(_ chunk: [UInt8]) throws(CacheFailure) { try writer.append(chunk) }

    func commit(_ record: ImageRecord, expiry: Duration) throws(CacheFailure) {
        try writer.commit(record, expiry: expiry)
        memory.remove(key)
    }

    func discard() { writer.discard() }
}

/// A streamed image that is gathered for memory while it goes out.
private final class GatheredBody: CachedBody {
    private let image: CachedImage
    private let memory: MemoryTier
    private let key: CacheKey
    private let budget: StoreBudget
    private let readAt = ContinuousClock.now

    init(_ image: CachedImage, into memory: MemoryTier, for key: CacheKey, budget: StoreBudget) {
        self.image = image
        self.memory = memory
        self.key = key
        self.budget = budget
    }

    deinit { budget.release(image.size) }

    func forEachPiece(
        in range: Range<Int>, _ body: (RawSpan) throws(ProxyError) -> Void
    ) throws(ProxyError) -> Bool {
        // A part is no copy.
        guard range == 0..<image.size else { return try image.body.forEachPiece(in: range, body) }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(image.size)
        let isWhole = try image.forEachPiece { piece throws(ProxyError) in
            try body(piece)
            bytes.append(piece)
        }
        if isWhole, bytes.count == image.size {
            memory.insert(MemoryEntry(image, bytes, readAt: readAt), for: key)
        }
        return isWhole
    }
}
