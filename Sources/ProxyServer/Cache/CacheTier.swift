import ProxyCore

/// A place where images are kept. The handler knows no other thing of a cache.
protocol CacheTier: Sendable {
    /// The image of `urlText`, sound and not expired, or why there is none. Never throws: a cache that fails is a miss.
    func lookup(_ urlText: String) -> CacheLookup
    /// Writes an image, replacing what is there. Blocking; called on the store queue.
    func store(_ image: TeeBuffer, of urlText: String, type: MediaType, fetchedAt: Int64) throws(CacheFailure)
    /// Writes the metadata of an image, whatever became of the image itself.
    func storeMetadata(_ metadata: ImageMetadata, of urlText: String) throws(CacheFailure)
    /// Whether it answers, as far as the last calls tell. Costs nothing.
    var isAvailable: Bool { get }
    /// What is in the cache now.
    func statistics() throws(CacheFailure) -> CacheStatistics
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
struct CacheFailure: Error, Equatable, CustomStringConvertible {
    let reason: String
    var description: String { reason }
}

/// An image found in a cache, to be read once, on the thread that found it.
protocol CachedBody: AnyObject {
    /// Hands out the bytes in pieces, each valid during the call. False when they turn out damaged on the way: the
    /// response is then not whole.
    func forEachPiece(_ body: (RawSpan) throws(ProxyError) -> Void) throws(ProxyError) -> Bool
}

struct CachedImage {
    let type: MediaType
    let size: Int
    /// Unix milliseconds.
    let expiresAt: Int64
    /// Of the record that it was read from.
    let fingerprint: RecordFingerprint
    let body: any CachedBody
}

extension CachedImage {
    init(_ entry: MemoryEntry) {
        self.init(
            type: entry.type, size: entry.size, expiresAt: entry.expiresAt, fingerprint: entry.fingerprint, body: entry)
    }

    init(_ image: CachedImage, gatheredBy body: any CachedBody) {
        self.init(
            type: image.type, size: image.size, expiresAt: image.expiresAt, fingerprint: image.fingerprint, body: body)
    }
}

/// What is in the cache, as the statistics tell it.
public struct CacheStatistics: Sendable, Equatable {
    public var totalImages = 0
    /// Bytes of images, not of records.
    public var totalSize = 0
    /// Unix milliseconds.
    public var oldestCache: Int64?
    public var newestCache: Int64?
}
