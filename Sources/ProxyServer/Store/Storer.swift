internal import Crypto
import Logging
import ProxyCore

/// Carries out store jobs: the size gate's decision is said and carried out, then the metadata is written, whatever the
/// size.
struct Storer: Sendable {
    let cache: (any CacheTier)?
    let metrics: Metrics
    let logger: Logger
    let urls: URLRedaction
    let freshness: FreshnessPolicy
    let clock: WallClock
    private let budgetThrottle = LogThrottle()
    private let failureThrottle = LogThrottle()

    init(
        cache: (any CacheTier)?, metrics: Metrics, logger: Logger, urls: URLRedaction,
        freshness: FreshnessPolicy, clock: @escaping WallClock = systemClock
    ) {
        self.cache = cache
        self.metrics = metrics
        self.logger = logger
        self.urls = urls
        self.freshness = freshness
        self.clock = clock
    }

    /// Writes the next chunk. Runs on the store queue, as all of this.
    func append(_ chunk: ImageChunk, to job: StoreJob) {
        guard let cache else { return }
        if job.writing == nil { job.writing = ImageWriting(job, into: cache) }
        job.writing?.append(chunk.bytes)
    }

    /// Ends a job, however the image has ended.
    func end(_ job: StoreJob, _ end: StoreJob.End) {
        defer { job.writing = nil }
        guard let cache else { return }
        switch end {
        case .cut: job.writing?.discard()
        case .whole(let size, let dimensions):
            do {
                try job.writing?.commit(size: size) { freshness.retention(of: $0, at: clock()) }
            } catch {
                metrics.storeFailures.add()
                decided(.failed, job, size, error.reason)
                return warn(job, size, error)
            }
            metrics.stored.add()
            decided(.cached, job, size)
            logger.info("Image cached successfully", metadata: details(job, size))
            storeMetadata(of: job, size, dimensions, in: cache)
        case .notKept(let refusal, let size, let dimensions):
            job.writing?.discard()
            say(refusal, job, size)
            // RFC 9111, 5.2.2.5: of what must not be stored, nothing is.
            if case .notStorable = refusal { return }
            storeMetadata(of: job, size, dimensions, in: cache)
        }
    }

    private func say(_ refusal: StoreRefusal, _ job: StoreJob, _ size: Int) {
        switch refusal {
        case .tooLarge:
            metrics.tooLarge.add()
            decided(.tooLarge, job, size)
            logger.info("Image too large to cache", metadata: details(job, size))
        case .overBudget:
            metrics.overBudget.add()
            decided(.overBudget, job, size)
            if let suppressed = budgetThrottle.pass() {
                logger.warning(
                    "Image not cached: too much waits for the cache", metadata: details(job, size, nil, suppressed))
            }
        case .notStorable(let reason):
            metrics.notStorable.add()
            decided(.notStorable, job, size, reason.rawValue)
            logger.info("Image not cached: its origin forbids it", metadata: details(job, size, reason.rawValue))
        }
    }

    /// What became of the image is decided by now, and stays so whatever happens here.
    private func storeMetadata(
        of job: StoreJob, _ size: Int, _ dimensions: PixelDimensions?, in cache: any CacheTier
    ) {
        let metadata = ImageMetadata(
            width: dimensions?.width ?? 0, height: dimensions?.height ?? 0, contentType: job.type.contentType,
            size: size, cachedAt: job.fetchedAt)
        do { try cache.storeMetadata(metadata, of: job.urlText) } catch { warn(job, size, error) }
    }

    /// A failure to cache is one warning, and nobody's failure but the cache's.
    private func warn(_ job: StoreJob, _ size: Int, _ failure: CacheFailure) {
        guard let suppressed = failureThrottle.pass() else { return }
        logger.warning("Failed to cache", metadata: details(job, size, failure.reason, suppressed))
    }

    private func decided(_ kind: RecentDecisions.Kind, _ job: StoreJob, _ size: Int, _ reason: String? = nil) {
        metrics.decisions.add(
            kind, at: job.fetchedAt, size: size, type: job.type, url: urls.text(job.urlText), reason: reason)
    }

    private func details(
        _ job: StoreJob, _ size: Int, _ reason: String? = nil, _ suppressed: Int? = nil
    ) -> Logger.Metadata {
        var metadata: Logger.Metadata = [
            LogKeys.requestID: "\(job.requestIdentifier)",
            LogKeys.url: "\(urls.text(job.urlText))",
            LogKeys.size: "\(size)",
            LogKeys.sizeMB: "\(Self.megabytes(size))",
        ]
        if let reason { metadata[LogKeys.reason] = "\(reason)" }
        if let suppressed { metadata[LogKeys.suppressed] = "\(suppressed)" }
        return metadata
    }

    /// Mebibytes with two decimals, rounded half up, as `toFixed(2)` prints them.
    static func megabytes(_ size: Int) -> String {
        let hundredths = (size * 100 + (1 << 19)) >> 20
        let fraction = hundredths % 100
        return "\(hundredths / 100).\(fraction < 10 ? "0" : "")\(fraction)"
    }
}

/// The writing of one image, which may fail at any chunk; what follows is then not tried.
final class ImageWriting {
    private let writer: any CacheWriter
    private let type: MediaType
    private var stored: StoredResponse?
    private let fetchedAt: Int64
    private var failure: CacheFailure?
    /// For an entity tag of our own, where the origin gave none.
    private let digest: SHA256Digest?

    /// Bytes of the digest in a tag: enough that no two images ever share one by chance.
    private static let tagLength = 16

    init(_ job: StoreJob, into cache: any CacheTier) {
        writer = cache.makeWriter(for: job.urlText, length: job.length)
        type = job.type
        stored = job.stored
        fetchedAt = job.fetchedAt
        digest = job.stored?.validators.etag == nil ? try? SHA256Digest() : nil
    }

    func append(_ bytes: [UInt8]) {
        guard failure == nil else { return }
        digest?.update(RawSpan(_elements: bytes.span))
        do { try writer.append(bytes) } catch { failure = error }
    }

    func commit(size: Int, expiry: (StoredResponse) -> Duration) throws(CacheFailure) {
        if let failure { throw failure }
        guard var stored else { return discard() }
        if let digest {
            stored.validators.etag = Self.tag(digest.finish())
            stored.validators.isOwnTag = true
        }
        let record = ImageRecord(
            contentType: type.contentType, size: size, cachedAt: fetchedAt, expiresAt: stored.freshUntil,
            extra: stored.extra)
        try writer.commit(record, expiry: expiry(stored))
    }

    func discard() { writer.discard() }

    private static func tag(_ digest: [UInt8]) -> EntityTag? {
        let digits = digest.prefix(tagLength).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }
        return EntityTag(opaque: digits.joined())
    }
}
