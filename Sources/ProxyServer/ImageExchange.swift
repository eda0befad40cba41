import FastCGI
import ProxyCore

/// One request for an image, from its query string to the cache's answer. What the cache does not have goes on to the
/// origin: see `Forwarding`.
struct ImageExchange {
    private let services: Services
    private let exchange: Exchange
    private var request: any GatewayRequest { exchange.request }
    private var writer: ResponseWriter { exchange.writer }

    /// What came of asking the cache.
    enum Answer {
        /// The response is written. An image that is no longer fresh, or will soon not be, is to be refreshed behind it.
        case sent(refreshing: StaleImage?)
        case missing(Miss)
    }

    init(_ services: Services, _ exchange: Exchange) {
        self.services = services
        self.exchange = exchange
    }

    /// Reads and judges the request.
    func parse() throws(ProxyError) -> ImageRequest {
        try judge { () throws(ImageRequestError) in
            try services.signing.image(for: RequestTarget(request), at: services.clock())
        }
    }

    /// Judges a request of the operator's, which nobody has to have signed.
    func parse(_ urlText: String) throws(ProxyError) -> ImageRequest {
        try judge { () throws(ImageRequestError) in try ImageRequest(urlText: urlText) }
    }

    private func judge(_ request: () throws(ImageRequestError) -> ImageRequest) throws(ProxyError) -> ImageRequest {
        let image: ImageRequest
        do { image = try request() } catch { throw ProxyError(error) }
        exchange.record.host = image.source.host
        exchange.record.urlText = image.urlText
        try authorize(image.source)
        return image
    }

    private func authorize(_ source: SourceURL) throws(ProxyError) {
        do { try services.policy.authorize(source) } catch { throw .sourceDenied(reason: error.reason) }
    }

    /// Answers from the cache what may be answered from it, and from what was `found` there where it has been asked already.
    func answer(_ image: ImageRequest, found: CacheLookup? = nil) throws(ProxyError) -> Answer {
        let mustValidate = mustValidate
        var absent: Answer { .missing(Miss(exchange: exchange, image: image, mustValidate: mustValidate)) }
        guard let cached = found.map({ usable($0, of: image) }) ?? lookup(image) else { return absent }
        let now = services.clock()
        let stored = cached.stored
        let use = stored.use(at: now)
        if use == .fresh || use == .staleWhileRevalidate, !mustValidate {
            guard try send(cached, of: image, .hit(freshnessLeft: stored.freshnessLeft(at: now))) else { return absent }
            let isDue = use != .fresh || services.refreshAhead.isDue(cached, stored, at: now)
            return .sent(refreshing: isDue ? StaleImage(cached, stored, at: now) : nil)
        }
        let stale = StaleImage(cached, stored, at: now)
        let reason: CacheStatus.Forward = stale == nil ? .uriMiss : use == .fresh ? .request : .stale
        return .missing(
            Miss(
                exchange: exchange, image: image, stale: stale, reason: reason, isInCache: true,
                mustValidate: mustValidate))
    }

    /// Answers with what the cache has after the origin has said that it is still good, or has failed: as long as `use`
    /// says that it may. Unless it `mayBeKept`, nobody is to keep it.
    func answer(
        _ image: ImageRequest, _ status: CacheStatus, mayBeKept: Bool = true, if use: (StoredResponse.Use) -> Bool
    ) throws(ProxyError) -> Bool {
        guard let cached = lookup(image) else { return false }
        guard use(cached.stored.use(at: services.clock())) else { return false }
        return try send(cached, of: image, status, mayBeKept: mayBeKept)
    }

    /// Whether the client wants to hear from the origin, and is heard (RFC 9111, 5.2.1.4; 5.4).
    private var mustValidate: Bool {
        guard services.configuration.freshness.honorsClientNoCache else { return false }
        if let control = request.param("HTTP_CACHE_CONTROL") {
            let asked = CacheControl([control])
            return asked.noCache || asked.maxAge == 0
        }
        return request.param("HTTP_PRAGMA") == "no-cache"
    }

    private func lookup(_ image: ImageRequest) -> CachedImage? {
        guard let cache = services.cache else { return nil }
        let start = ContinuousClock.now
        let lookup = cache.lookup(image.urlText)
        exchange.record.cacheTime = .now - start
        return usable(lookup, of: image)
    }

    /// What was found, if it may be served.
    private func usable(_ lookup: CacheLookup, of image: ImageRequest) -> CachedImage? {
        switch lookup {
        case .hit(let cached) where services.serves(cached.type): return cached
        case .damaged(let reason): note(damage: reason, of: image)
        // A hit of a type that is not served here was stored under other rules than ours.
        case .hit, .absent, .unavailable: break
        }
        return nil
    }

    private func note(damage: String, of image: ImageRequest) {
        guard !exchange.hasMetDamage else { return }
        exchange.hasMetDamage = true
        services.damaged(image, reason: damage, requestID: exchange.record.requestID)
    }

    /// A hit, decoded as it is written. False when it turns out damaged before anything of it has gone out: it is none then.
    private func send(
        _ cached: CachedImage, of image: ImageRequest, _ status: CacheStatus, mayBeKept: Bool = true
    ) throws(ProxyError) -> Bool {
        let response = services.responder.response(to: exchange, cached, status, mayBeKept: mayBeKept)
        if let handover = services.handover, response.head.status == 200,
            let name = handover.name(of: cached, for: exchange)
        {
            try writer.handOver(handover.head(response.head, naming: name), size: cached.size)
            return true
        }
        writer.begin(response.head, as: response.headBytes)
        guard !response.body.isEmpty, !writer.dropsBody else {
            try writer.flush()
            return true
        }
        let isWhole = try cached.body.forEachPiece(in: response.body) { piece throws(ProxyError) in
            try writer.write(piece)
        }
        guard !isWhole else { return true }
        guard !writer.hasBegun else { throw .upstream(.broken) }
        note(damage: "broken-off", of: image)
        return false
    }
}
