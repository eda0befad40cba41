import Glibc
import ProxyCore
import Synchronization

@testable import ProxyServer

/// A cache in memory that can be told to be away, to be slow, and to have given its leases to others.
final class TierDouble: CacheTier {
    struct Entry {
        var type: MediaType
        var bytes: [UInt8]
        var cachedAt: Int64 = 0
        var expiresAt: Int64
        var extra: [JSONField] = []

        var record: ImageRecord {
            ImageRecord(
                contentType: type.contentType, size: bytes.count, cachedAt: cachedAt, expiresAt: expiresAt,
                extra: extra)
        }
    }

    private let state = Mutex<State>(State())

    /// A lease on a fetch. It never expires here.
    private enum Lease: Equatable { case held(FetchToken), left(String) }

    private struct State {
        var leases: [String: Lease] = [:]
        var claims: [String: Int] = [:]
        var whenClaimed: (@Sendable (Int) -> Void)?
        var images: [String: Entry] = [:]
        var metadata: [String: ImageMetadata] = [:]
        var isAvailable = true
        var delay = Duration.zero
        var takesImages = true
        var damage: String?
        var piecesBeforeDamage = Int.max
    }

    var isAvailable: Bool {
        get { state.withLock { $0.isAvailable } }
        set { state.withLock { $0.isAvailable = newValue } }
    }

    /// How long a look-up takes.
    var delay: Duration {
        get { state.withLock { $0.delay } }
        set { state.withLock { $0.delay = newValue } }
    }

    /// Whether it takes images; if not, every write of one fails.
    var takesImages: Bool {
        get { state.withLock { $0.takesImages } }
        set { state.withLock { $0.takesImages = newValue } }
    }

    subscript(url: String) -> Entry? {
        get { state.withLock { $0.images[url] } }
        set { state.withLock { $0.images[url] = newValue } }
    }

    func metadata(of url: String) -> ImageMetadata? { state.withLock { $0.metadata[url] } }

    /// What the next look-ups find damaged.
    func damage(_ reason: String) { state.withLock { $0.damage = reason } }

    /// Hits break off after so many pieces of 10 bytes.
    func breakOff(after pieces: Int) { state.withLock { $0.piecesBeforeDamage = pieces } }

    func effort(for urlText: String) -> LookupEffort { .own }
    func lookups(of urlTexts: [String]) -> (any LookupSeries)? { nil }

    func lookup(_ urlText: String) -> CacheLookup {
        usleep(useconds_t(clamping: delay.wholeMicroseconds))
        return state.withLock { state in
            guard state.isAvailable else { return .unavailable }
            if let damage = state.damage { return .damaged(reason: damage) }
            guard let entry = state.images[urlText] else { return .absent }
            return .hit(
                CachedImage(
                    type: entry.type, record: entry.record,
                    fingerprint: RecordFingerprint(
                        key: CacheKeyTemplate(prefix: "").key(for: urlText), tail: [], length: entry.bytes.count),
                    body: MemoryBody(entry.bytes, pieces: state.piecesBeforeDamage)))
        }
    }

    func makeWriter(for urlText: String, length: Int?) -> any CacheWriter { Writer(self, urlText) }

    func renew(
        _ image: CachedImage, as record: ImageRecord, expiry: Duration, of urlText: String
    ) throws(CacheFailure) -> Bool {
        guard isAvailable else { throw CacheFailure(reason: "away") }
        return state.withLock { state in
            guard state.images[urlText] != nil else { return false }
            state.images[urlText]?.expiresAt = record.expiresAt
            state.images[urlText]?.extra = record.extra
            return true
        }
    }

    func remove(_ urlText: String) {
        state.withLock { state in if state.isAvailable { state.images[urlText] = nil } }
    }

    func storeMetadata(_ metadata: ImageMetadata, of urlText: String) throws(CacheFailure) {
        state.withLock { $0.metadata[urlText] = metadata }
    }

    func statistics() throws(CacheFailure) -> CacheStatistics {
        guard isAvailable else { throw CacheFailure(reason: "away") }
        return state.withLock { state in
            var statistics = CacheStatistics()
            statistics.totalImages = state.images.count
            statistics.totalSize = state.images.values.reduce(0) { $0 + $1.bytes.count }
            return statistics
        }
    }
}

// MARK: - Leases

extension TierDouble {
    func claimFetch(of urlText: String, as token: FetchToken, for time: Duration) -> FetchClaim {
        let (count, whenClaimed) = state.withLock { state in
            state.claims[urlText, default: 0] += 1
            return (state.claims[urlText, default: 0], state.whenClaimed)
        }
        whenClaimed?(count)
        return state.withLock { state in
            guard state.isAvailable else { return .unavailable }
            let isCached = state.images[urlText] != nil
            switch state.leases[urlText] {
            case .held(let holder)?: return holder == token ? .granted(isCached: isCached) : .taken
            case .left(let verdict)?: return .left(verdict)
            case nil:
                state.leases[urlText] = .held(token)
                return .granted(isCached: isCached)
            }
        }
    }

    func renewFetch(of urlText: String, as token: FetchToken, for time: Duration) -> Bool {
        state.withLock { $0.isAvailable && $0.leases[urlText] == .held(token) }
    }

    func endFetch(of urlText: String, as token: FetchToken, leaving verdict: String?, for time: Duration) {
        state.withLock { state in
            guard state.isAvailable, state.leases[urlText] == .held(token) else { return }
            state.leases[urlText] = verdict.map { .left($0) }
        }
    }

    /// How often somebody asked to be the one who fetches.
    func claims(of urlText: String) -> Int { state.withLock { $0.claims[urlText] ?? 0 } }

    /// Calls `body` with the number of each claim, before it is judged.
    func whenClaimed(_ body: @escaping @Sendable (Int) -> Void) { state.withLock { $0.whenClaimed = body } }

    /// Whether a lease is held now.
    func isLeased(_ urlText: String) -> Bool {
        state.withLock { if case .held? = $0.leases[urlText] { true } else { false } }
    }

    /// What was left in place of a lease.
    func verdict(on urlText: String) -> String? {
        state.withLock { if case .left(let text)? = $0.leases[urlText] { text } else { nil } }
    }

    /// Gives the lease to somebody who is not of this process.
    func leaseToAnother(_ urlText: String) { state.withLock { $0.leases[urlText] = .held(FetchToken()) } }

    /// Ends whatever lease there is, in favour of a verdict if there is one.
    func endLease(_ urlText: String, leaving verdict: String? = nil) {
        state.withLock { $0.leases[urlText] = verdict.map { .left($0) } }
    }
}

private final class Writer: CacheWriter {
    private let tier: TierDouble
    private let urlText: String
    private var bytes: [UInt8] = []

    init(_ tier: TierDouble, _ urlText: String) { (self.tier, self.urlText) = (tier, urlText) }

    func append(_ chunk: [UInt8]) throws(CacheFailure) {
        guard tier.isAvailable, tier.takesImages else { throw CacheFailure(reason: "away") }
        bytes += chunk
    }

    func commit(_ record: ImageRecord, expiry: Duration) throws(CacheFailure) {
        guard tier.isAvailable, tier.takesImages, let type = MediaType(label: record.contentType) else {
            throw CacheFailure(reason: "away")
        }
        tier[urlText] = TierDouble.Entry(
            type: type, bytes: bytes, cachedAt: record.cachedAt, expiresAt: record.expiresAt, extra: record.extra)
    }

    func discard() { bytes = [] }
}

private final class MemoryBody: CachedBody {
    private let bytes: [UInt8]
    private let pieces: Int

    init(_ bytes: [UInt8], pieces: Int) { (self.bytes, self.pieces) = (bytes, pieces) }

    func forEachPiece(
        in range: Range<Int>, _ body: (RawSpan) throws(ProxyError) -> Void
    ) throws(ProxyError) -> Bool {
        for (number, start) in stride(from: range.lowerBound, to: range.upperBound, by: 10).enumerated() {
            guard number < pieces else { return false }
            let piece = Array(bytes[start..<min(start + 10, range.upperBound)])
            try body(RawSpan(_elements: piece.span))
        }
        return true
    }
}
