public import FastCGI
import Glibc
public import Logging
public import ProxyCore

/// The program behind the socket: everything that requests share, and the threads that answer them.
public final class Server: Sendable {
    private let services: Services
    private let handler: RequestHandler
    private let logger: Logger
    private let workers: Int

    /// Workers that run at the same time: one a processor, and two at least, so that one that is held up holds nobody up.
    public static var runningWorkers: Int { max(2, sysconf(Int32(_SC_NPROCESSORS_ONLN))) }

    /// Enough for origins to be slow in, few enough to cost nothing while they rest.
    private static var defaultWorkers: Int { min(max(64, 16 * sysconf(Int32(_SC_NPROCESSORS_ONLN))), 256) }

    /// `turnstile` is the listener's: what waits for Redis or an origin lets another worker run.
    public init(_ configuration: Configuration, turnstile: Turnstile = Turnstile(limit: 1), logger: Logger) {
        let metrics = Metrics()
        services = Services(
            configuration, cache: Self.cache(configuration.cache, turnstile, metrics: metrics, logger: logger),
            turnstile: turnstile, metrics: metrics, logger: logger)
        workers = min(configuration.server.workers ?? Self.defaultWorkers, OpenFiles.workers)
        handler = RequestHandler(services, workers: workers)
        self.logger = logger
    }

    private static func cache(
        _ settings: Configuration.Cache, _ turnstile: Turnstile, metrics: Metrics, logger: Logger
    ) -> (any CacheTier)? {
        guard case .redis(let location) = settings.store else { return nil }
        let redis = RedisTier(location, settings, turnstile: turnstile, metrics: metrics, logger: logger)
        guard settings.memorySize > .zero else { return redis }
        return TieredCache(
            memory: MemoryTier(limit: settings.memorySize.bytes), redis: redis,
            gatheringLimit: settings.memorySize.bytes / 4)
    }

    /// Answers requests until the listener is stopped and what had arrived is answered. Blocks; true when everything
    /// ended within the drain timeout.
    public func run(_ listener: FastCGIListener) -> Bool {
        if let reason = services.fetcher.prepare() {
            logger.error("No image can be fetched", metadata: [LogKeys.reason: "\(reason)"])
        }
        if !services.configuration.signing.keys.isEmpty {
            logger.warning("Signing keys are set and signatures cannot be verified yet: every image request gets 403")
        }
        logger.notice("Ready", metadata: [LogKeys.workers: "\(workers)", "version": "\(ProgramVersion.text)"])
        let crew = Crew(count: workers) { [handler] in listener.run { handler.handle($0) } }
        guard !crew.isEmpty else {
            logger.critical("No worker can be started")
            return false
        }
        listener.waitForStop()
        logger.notice("Stopping")
        let deadline = ContinuousClock.now + services.configuration.server.drainTimeout
        let isDone = crew.wait(until: deadline) && services.storeQueue.drain(until: deadline)
        logger.notice("Stopped", metadata: ["complete": "\(isDone)"])
        return isDone
    }

    /// Answers the one request of a CGI process, then ends what is left to do for the cache.
    public func run(_ request: CGIRequest) {
        handler.handle(request)
        _ = services.storeQueue.drain(until: .now + services.configuration.server.drainTimeout)
    }

    /// What is in the cache now, for the operator.
    public func cacheStatistics() throws -> CacheStatistics {
        guard let cache = services.cache else { return CacheStatistics() }
        return try cache.statistics()
    }
}
