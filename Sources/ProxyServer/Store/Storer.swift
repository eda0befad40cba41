import Logging
import ProxyCore

/// Ends a store job: the size gate's decision is said and carried out, then the metadata is written, whatever the size.
struct Storer: Sendable {
    let cache: (any CacheTier)?
    let metrics: Metrics
    let logger: Logger
    let urls: URLRedaction
    private let budgetThrottle = LogThrottle()
    private let failureThrottle = LogThrottle()

    init(cache: (any CacheTier)?, metrics: Metrics, logger: Logger, urls: URLRedaction) {
        self.cache = cache
        self.metrics = metrics
        self.logger = logger
        self.urls = urls
    }

    /// Runs on the store queue.
    func run(_ job: StoreJob) {
        guard let cache else { return }
        do {
            try storeImage(job, in: cache)
            let metadata = ImageMetadata(
                width: job.dimensions?.width ?? 0, height: job.dimensions?.height ?? 0,
                contentType: job.type.contentType, size: job.image.size, cachedAt: job.fetchedAt)
            try cache.storeMetadata(metadata, of: job.urlText)
        } catch {
            metrics.storeFailures.add()
            if let suppressed = failureThrottle.pass() {
                logger.warning("Failed to cache", metadata: details(job, error.reason, suppressed))
            }
        }
    }

    private func storeImage(_ job: StoreJob, in cache: any CacheTier) throws(CacheFailure) {
        switch job.image.outcome {
        case .kept:
            try cache.store(job.image, of: job.urlText, type: job.type, fetchedAt: job.fetchedAt)
            metrics.stored.add()
            logger.info("Image cached successfully", metadata: details(job))
        case .tooLarge:
            metrics.tooLarge.add()
            logger.info("Image too large to cache", metadata: details(job))
        case .overBudget:
            metrics.overBudget.add()
            if let suppressed = budgetThrottle.pass() {
                logger.warning(
                    "Image not cached: too much waits for the cache", metadata: details(job, nil, suppressed))
            }
        }
    }

    private func details(_ job: StoreJob, _ reason: String? = nil, _ suppressed: Int? = nil) -> Logger.Metadata {
        var metadata: Logger.Metadata = [
            LogKeys.requestID: "\(job.requestIdentifier)",
            LogKeys.url: "\(urls.text(job.urlText))",
            LogKeys.size: "\(job.image.size)",
            LogKeys.sizeMB: "\(Self.megabytes(job.image.size))",
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
