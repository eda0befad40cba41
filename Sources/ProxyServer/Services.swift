import FastCGI
import Logging
import ProxyCore

/// What a request needs, made once from the configuration and immutable from then on.
final class Services: Sendable {
    let configuration: Configuration
    let policy: SourcePolicy
    let adminNetworks: [Network]
    let cache: (any CacheTier)?
    let fetcher: Fetcher
    let storeBudget: StoreBudget
    let storeQueue: StoreQueue
    let accessLog: AccessLog
    let statistics: Statistics
    let turnstile: Turnstile
    let clock: WallClock
    private let logger: Logger
    private let urls: URLRedaction
    private let damageThrottle = LogThrottle()

    init(
        _ configuration: Configuration, cache: (any CacheTier)?, turnstile: Turnstile, metrics: Metrics, logger: Logger,
        clock: @escaping WallClock = systemClock
    ) {
        self.configuration = configuration
        self.cache = cache
        self.turnstile = turnstile
        self.logger = logger
        self.clock = clock
        policy = SourcePolicy(configuration.source)
        adminNetworks = configuration.server.adminNetworks.compactMap { Network($0) }
        fetcher = Fetcher(
            policy: policy, settings: configuration.fetch, servesSVG: configuration.media.servesSVG,
            userAgent: "image-proxy/\(ProgramVersion.text)")
        storeBudget = StoreBudget(limit: configuration.cache.storeBudget.bytes)
        urls = URLRedaction(configuration.log)
        let storer = Storer(
            cache: cache, metrics: metrics, logger: logger, urls: urls)
        storeQueue = StoreQueue { storer.run($0) }
        accessLog = AccessLog(logger: logger, metrics: metrics)
        statistics = Statistics(cache: cache, metrics: metrics)
    }

    /// Whether the configuration lets images of this type out.
    func serves(_ type: MediaType) -> Bool { type != .svg || configuration.media.servesSVG }

    /// The head of an image response.
    func imageHead(_ type: MediaType, length: Int?, _ cacheStatus: CacheStatus, expiresAt: Int64?) -> ResponseHead {
        var head = ResponseHead(
            status: 200, contentType: type.contentType, contentLength: length, cacheStatus: cacheStatus)
        let lifetime =
            expiresAt.map { max(0, ($0 - clock()) / 1000) } ?? configuration.cache.imageTTL.components.seconds
        head.fields.append(("Cache-Control", "public, max-age=\(lifetime)"))
        // SVG is a document: it must never become one under our users' domain.
        if type == .svg { head.fields.append(("Content-Disposition", "attachment")) }
        if let origin = configuration.server.corsOrigin {
            head.fields.append(("Access-Control-Allow-Origin", origin))
        }
        return head
    }

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
    init(_ source: Configuration.Source) {
        self.init(
            hosts: HostList(source.allowedHosts.compactMap { HostPattern($0) }), ports: source.allowedPorts,
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
