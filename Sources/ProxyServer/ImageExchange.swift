import FastCGI
import ProxyCore

/// One request for an image, from its query string to the last byte: the path that the README describes.
struct ImageExchange {
    private let services: Services
    private let exchange: Exchange
    private var request: any GatewayRequest { exchange.request }
    private var writer: ResponseWriter { exchange.writer }

    /// Bytes of a body of unknown length that wait for its end, where a cut can be shown: enough for a small image to
    /// get its length, few enough to be no delay.
    private static let shortHoldBack = 64 << 10

    init(_ services: Services, _ exchange: Exchange) {
        self.services = services
        self.exchange = exchange
    }

    /// Answers from the cache; what is not there is returned, to be forwarded.
    func answer() throws(ProxyError) -> ImageRequest? {
        let image = try parse()
        exchange.record.host = "\(image.source.host)"
        try authorize(image.source)
        return try answer(image) ? nil : image
    }

    /// Looks the image up once more before it is fetched.
    func answerOrForward(_ image: ImageRequest) throws(ProxyError) -> StoreJob? {
        guard !request.isPeerGone else { throw .clientGone }
        return try answer(image) ? nil : try forward(image)
    }

    /// Answers from the cache; false when the image is not there.
    private func answer(_ image: ImageRequest) throws(ProxyError) -> Bool {
        guard let cache = services.cache else { return false }
        let start = ContinuousClock.now
        let lookup = cache.lookup(image.urlText)
        exchange.record.cacheTime = .now - start
        switch lookup {
        case .hit(let cached) where services.serves(cached.type):
            try send(cached)
            return true
        case .damaged(let reason): services.damaged(image, reason: reason, requestID: exchange.record.requestID)
        // A hit of a type that is not served here was stored under other rules than ours.
        case .hit, .absent, .unavailable: break
        }
        return false
    }

    private func parse() throws(ProxyError) -> ImageRequest {
        do {
            return try ImageRequest(queryString: request.param("QUERY_STRING") ?? "")
        } catch .denied(let denial) {
            throw .sourceDenied(reason: denial.reason)
        } catch {
            throw .badRequest(reason: "\(error)")
        }
    }

    private func authorize(_ source: SourceURL) throws(ProxyError) {
        // Signatures are not verified yet, so where they are demanded nothing is served.
        guard services.configuration.signing.keys.isEmpty else { throw .sourceDenied(reason: "signature") }
        do { try services.policy.authorize(source) } catch { throw .sourceDenied(reason: error.reason) }
    }

    /// A hit, decoded as it is written.
    private func send(_ image: CachedImage) throws(ProxyError) {
        writer.begin(services.imageHead(image.type, length: image.size, .hit, expiresAt: image.expiresAt))
        guard !writer.dropsBody else { return try writer.flush() }
        let isWhole = try image.body.forEachPiece { piece throws(ProxyError) in try writer.write(piece) }
        guard isWhole else { throw .upstream(.broken) }
    }

    /// Asks the origin, and passes on what comes while it comes. Returns what is left to do for the cache.
    func forward(_ image: ImageRequest) throws(ProxyError) -> StoreJob? {
        guard !request.isPeerGone else { throw .clientGone }
        let delivery = ImageDelivery(services, writer)
        let holdBack = request.canShowAbort ? Self.shortHoldBack : services.configuration.cache.maximumSize.bytes
        let start = ContinuousClock.now
        defer { services.accessLog.metrics.bytesFetched.add(delivery.image.size) }
        exchange.record.fetch = try services.turnstile.blocking { () throws(ProxyError) in
            try services.fetcher.fetch(image.source, into: delivery, for: request, holdBack: holdBack)
        }
        exchange.record.fetchTime = .now - start
        try writer.flush()
        guard let type = delivery.type, !writer.dropsBody, services.cache != nil else { return nil }
        return StoreJob(
            urlText: image.urlText, requestIdentifier: exchange.record.requestID, type: type,
            dimensions: delivery.dimensions, fetchedAt: services.clock(), image: delivery.image)
    }
}

/// Passes an image on to the client as it arrives, keeps a copy for the cache, and reads its dimensions in passing.
private final class ImageDelivery: ImageSink {
    private let services: Services
    private let writer: ResponseWriter
    private var scanner: DimensionScanner?

    let image: TeeBuffer
    private(set) var type: MediaType?
    var dimensions: PixelDimensions? { scanner?.dimensions }

    init(_ services: Services, _ writer: ResponseWriter) {
        self.services = services
        self.writer = writer
        let cache = services.configuration.cache
        image = TeeBuffer(
            gate: SizeGate(limit: cache.maximumSize.bytes), budget: services.storeBudget,
            chunkSize: cache.chunkSize.bytes)
    }

    func begin(_ type: MediaType, length: Int?) throws(ProxyError) -> Bool {
        self.type = type
        scanner = DimensionScanner(type)
        if let length { image.expect(length) }
        let isStored =
            length != nil && image.outcome == .kept && services.cache?.isAvailable ?? false && !writer.dropsBody
        let status = CacheStatus.forwarded(.uriMiss, isStored: isStored)
        writer.begin(services.imageHead(type, length: length, status, expiresAt: nil))
        if writer.dropsBody { try writer.flush() }
        return !writer.dropsBody
    }

    func write(_ bytes: RawSpan) throws(ProxyError) {
        try writer.gather(bytes)
        scanner?.scan(bytes)
        image.append(bytes)
    }

    func flush() throws(ProxyError) { try writer.flush() }
}
