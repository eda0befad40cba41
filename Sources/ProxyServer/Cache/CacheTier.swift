import ProxyCore

/// A place where images are kept. The handler knows no other thing of a cache.
protocol CacheTier: Sendable {
    /// The image of `urlText`, fresh or not, or why there is none. Never throws: a cache that fails is a miss.
    func lookup(_ urlText: String) -> CacheLookup
    /// What a look-up of `urlText` will take, as far as is known.
    func effort(for urlText: String) -> LookupEffort
    /// Asks for several images in one trip; nil where that cannot be done.
    func lookups(of urlTexts: [String]) -> (any LookupSeries)?
    /// Takes an image while it comes; `length` is its size in bytes where it is known. Nothing is there for others before
    /// it is whole.
    func makeWriter(for urlText: String, length: Int?) -> any CacheWriter
    /// Gives an image that was found another record, as a 304 does, without moving its bytes. False when the cache has
    /// another image by now.
    func renew(
        _ image: CachedImage, as record: ImageRecord, expiry: Duration, of urlText: String
    ) throws(CacheFailure) -> Bool
    /// Forgets an image. Never throws: one that stays is stale, and asked about again.
    func remove(_ urlText: String)
    /// Writes the metadata of an image, whatever became of the image itself.
    func storeMetadata(_ metadata: ImageMetadata, of urlText: String) throws(CacheFailure)
    /// Whether it answers, as far as the last calls tell. Costs nothing.
    var isAvailable: Bool { get }
    /// What is in the cache now, entry by entry: exact, in a time that grows with their number.
    func statistics() throws(CacheFailure) -> CacheStatistics
    /// What is in the cache, in a time that does not grow, and what is known of the cache itself.
    func overview() throws(CacheFailure) -> CacheOverview
    /// What is in this process's memory, whether the cache answers or not; nil without a memory.
    var memoryUsage: (bytes: Int, entries: Int)? { get }
    /// Somebody watches what `overview` tells: it had better be new.
    func watched()
    /// Whether `overview` was asked for what only `keepCount` can find out.
    var wantsCount: Bool { get }
    /// Sees to it that `overview` has something to tell. Called in the background, from time to time; may take long, and
    /// ends soon after `isStopping` says so.
    func keepCount(isStopping: () -> Bool)
    /// Adds what this process has counted to what its host has.
    func publish(_ counts: MetricsReading, of host: String) throws(CacheFailure)
    /// What each host has counted that was heard of lately.
    func hostCounts() throws(CacheFailure) -> [(host: String, counts: MetricsReading)]

    /// What the memory of this process has of an image; nil where that is nothing, or there is no such memory.
    func memoryEntry(of urlText: String) -> MemoryReport.Entry?

    /// Asks to be the one, among all processes and hosts, who fetches `urlText`, for `time` at most. One round trip.
    func claimFetch(of urlText: String, as token: FetchToken, for time: Duration) -> FetchClaim
    /// What was left in place of the right to fetch `urlText`, if anything was. One round trip.
    func verdict(on urlText: String) -> String?
    /// Goes on being the one for `time` from now; false when somebody else may be by now.
    func renewFetch(of urlText: String, as token: FetchToken, for time: Duration) -> Bool
    /// Ends being the one, if it still is. Who asks within `time` is told `verdict`, if there is one.
    func endFetch(of urlText: String, as token: FetchToken, leaving verdict: String?, for time: Duration)
}

enum LookupEffort {
    /// Nothing.
    case atHand
    /// It has to be asked for, and little comes back: several cost less together.
    case shared
    /// Nobody knows.
    case own
}

/// The answers to look-ups that were sent together, on the thread that sent them.
protocol LookupSeries: AnyObject {
    /// The next answer, in the order of the questions; nil when that one is better asked again by itself.
    func next() -> CacheLookup?
}

/// Who fetches: nobody else has the same.
struct FetchToken: Hashable, Sendable {
    let text: String

    init() {
        let halves = [UInt64.random(in: 0 ... .max), UInt64.random(in: 0 ... .max)]
        text = halves.map { String($0, radix: 16) }.joined(separator: "-")
    }

    /// Whether these bytes could be somebody's token.
    static func isToken(_ bytes: [UInt8]) -> Bool {
        let halves = bytes.split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
        return halves.count == 2 && halves.allSatisfy { UInt64(String(decoding: $0, as: UTF8.self), radix: 16) != nil }
    }
}

enum FetchClaim: Equatable {
    /// `isCached` when there is a record of the image by now, in whatever state.
    case granted(isCached: Bool)
    /// Another one fetches.
    case taken
    /// Another one fetched, and there is this to say of it.
    case left(String)
    /// The cache cannot tell.
    case unavailable
}

/// Writes one image, piece by piece. Blocking; its calls come one after another, on the store queue.
protocol CacheWriter: AnyObject {
    /// Takes the next bytes of the image.
    func append(_ chunk: [UInt8]) throws(CacheFailure)
    /// Puts the image, which is whole, in the place of what was there; it stays for `expiry`.
    func commit(_ record: ImageRecord, expiry: Duration) throws(CacheFailure)
    /// Gives the image up, as the end of the writer does and every failure. Harmless when repeated, or after `commit`.
    func discard()
}

enum CacheLookup {
    case hit(CachedImage)
    case absent
    /// There is a record, and it cannot be used. The miss that follows replaces it.
    case damaged(reason: String)
    /// The cache was not asked, or did not answer.
    case unavailable
}

/// The cache did not do what it was asked; `reason` is for the log.
public struct CacheFailure: Error, Equatable, CustomStringConvertible {
    let reason: String
    public var description: String { reason }
}

/// An image found in a cache, to be read once, on the thread that found it.
protocol CachedBody: AnyObject {
    /// Hands out those bytes of the image that are in `range` in pieces, each valid during the call. False when they turn
    /// out damaged on the way: the response is then not whole.
    func forEachPiece(
        in range: Range<Int>, _ body: (RawSpan) throws(ProxyError) -> Void
    ) throws(ProxyError) -> Bool
    /// The name by which the web server finds the bytes of the image, if it may send them itself.
    var handedOver: String? { get }
}

extension CachedBody {
    var handedOver: String? { nil }
}

struct CachedImage {
    let type: MediaType
    let record: ImageRecord
    /// What the record says of the response.
    let stored: StoredResponse
    /// Of the record that it was read from.
    let fingerprint: RecordFingerprint
    let body: any CachedBody
    /// Where the head of the last response with it is kept; nil for an image that does not stay.
    let readyHead: ReadyHead?

    /// `stored` is what `record` says, where that has been read before.
    init(
        type: MediaType, record: ImageRecord, fingerprint: RecordFingerprint, body: any CachedBody,
        stored: StoredResponse? = nil, readyHead: ReadyHead? = nil
    ) {
        self.type = type
        self.record = record
        self.stored = stored ?? StoredResponse(record)
        self.fingerprint = fingerprint
        self.body = body
        self.readyHead = readyHead
    }

    /// Bytes.
    var size: Int { record.size }

    /// What is known of it, without what holds its bytes.
    func withoutBody() -> CachedImage {
        CachedImage(type: type, record: record, fingerprint: fingerprint, body: NoBody(), stored: stored)
    }

    /// Hands out the whole image.
    func forEachPiece(_ body: (RawSpan) throws(ProxyError) -> Void) throws(ProxyError) -> Bool {
        try self.body.forEachPiece(in: 0..<size, body)
    }
}

/// The body of an image of which only the description is kept.
private final class NoBody: CachedBody {
    func forEachPiece(
        in range: Range<Int>, _ body: (RawSpan) throws(ProxyError) -> Void
    ) throws(ProxyError) -> Bool { range.isEmpty }
}

extension CachedImage {
    init(_ entry: MemoryEntry) {
        self.init(
            type: entry.type, record: entry.record, fingerprint: entry.fingerprint, body: entry, stored: entry.stored,
            readyHead: entry.readyHead)
    }

    init(_ image: CachedImage, gatheredBy body: any CachedBody) {
        self.init(
            type: image.type, record: image.record, fingerprint: image.fingerprint, body: body, stored: image.stored)
    }
}
