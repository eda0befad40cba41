import FastCGI
import Logging
import ProxyCore

/// What a request needs, made once from the configuration and immutable from then on.
final class Services: Sendable {
    let configuration: Configuration
    let policy: SourcePolicy
    let signing: SigningPolicy
    let adminNetworks: [Network]
    let cache: (any CacheTier)?
    let fetcher: Fetcher
    let storeBudget: StoreBudget
    let storeQueue = StoreQueue()
    let storer: Storer
    let freshness: FreshnessPolicy
    let responder: ImageResponder
    let refreshAhead = RefreshAhead()
    /// Nil unless the web server sends hits itself.
    let handover: Handover?
    /// What goes on when what it waited for is there.
    let work: WorkQueue
    let accessLog: AccessLog
    let statistics: Statistics
    /// Nil without a cache.
    let housekeeping: Housekeeping?
    let turnstile: Turnstile
    let clock: WallClock
    private let logger: Logger
    private let urls: URLRedaction
    private let damageThrottle = LogThrottle()

    init(
        _ configuration: Configuration, cache: (any CacheTier)?, turnstile: Turnstile, work: WorkQueue,
        metrics: Metrics,
        logger: Logger, clock: @escaping WallClock = systemClock
    ) {
        self.configuration = configuration
        self.cache = cache
        self.turnstile = turnstile
        self.work = work
        self.logger = logger
        self.clock = clock
        policy = SourcePolicy(configuration.source, isSigned: configuration.signing.isRequired)
        signing = SigningPolicy(configuration.signing, primitives: LibcryptoPrimitives())
        adminNetworks = configuration.server.adminNetworks.compactMap { Network($0) }
        fetcher = Fetcher(
            policy: policy, settings: configuration.fetch, servesSVG: configuration.media.servesSVG,
            userAgent: "image-proxy/\(ProgramVersion.text)", clock: clock)
        storeBudget = StoreBudget(limit: configuration.cache.storeBudget.bytes)
        urls = URLRedaction(configuration.log)
        freshness = FreshnessPolicy(configuration.freshness, imageTTL: configuration.cache.imageTTL)
        storer = Storer(
            cache: cache, metrics: metrics, logger: logger, urls: urls, freshness: freshness, clock: clock)
        responder = ImageResponder(configuration, clock: clock)
        handover = Handover(configuration.cache)
        accessLog = AccessLog(logger: logger, metrics: metrics)
        statistics = Statistics(
            cache: cache, metrics: metrics, configuration: configuration, storeBudget: storeBudget, clock: clock)
        housekeeping = cache.map { Housekeeping(cache: $0, metrics: metrics) }
    }

    /// Whether the configuration lets images of this type out.
    func serves(_ type: MediaType) -> Bool { type != .svg || configuration.media.servesSVG }

    /// A record that cannot be used: counted, and said once a second at most.
    func damaged(_ image: ImageRequest, reason: String, requestID: String) {
        accessLog.metrics.damagedRecords.add()
        guard let suppressed = damageThrottle.pass() else { return }
        logger.warning(
            "Cached record is damaged and will be replaced",
            metadata: [
                LogKeys.requestID: "\(requestID)", LogKeys.reason: "\(reason)",
                LogKeys.url: "\(urls.text(image.urlText))",
                LogKeys.suppressed: "\(suppressed)",
            ])
    }
}

extension Configuration.Media {
    fileprivate var servesSVG: Bool { svg == .fence }
}

extension SourcePolicy {
    /// The policy that the configuration describes. Its words were validated when it was read.
    ///
    /// Where every request is signed, whoever signs them answers for the hosts, unless there is a list all the same.
    init(_ source: Configuration.Source, isSigned: Bool) {
        let hosts = source.allowedHosts.compactMap { HostPattern($0) }
        self.init(
            hosts: HostList(hosts.isEmpty && isSigned ? [.any] : hosts), ports: source.allowedPorts,
            allowedNetworks: source.allowedNetworks.compactMap { AllowedNetwork($0) })
    }
}

/// URLs as logs may show them: signatures and session tokens stand in query strings.
struct URLRedaction: Sendable {
    private let showsAll: Bool

    init(_ log: Configuration.Log) { showsAll = log.includesFullURLs }

    func text(_ url: String) -> String {
        guard !showsAll, let mark = url.utf8.firstIndex(of: UInt8(ascii: "?")) else { return url }
        return url[..<mark] + "?<redacted>"
    }
}

/// The version, which `--version` prints and origins see.
public enum ProgramVersion {
    public static let text = "0.1.0"
}
