import ProxyCore

/// What one client gets of an image: its head, and which of its bytes.
struct ImageResponse {
    let head: ResponseHead
    /// The head as it is sent, where it has been made before.
    var headBytes: [UInt8]?
    /// Empty where the head says it all; without an upper bound where the length is not known.
    let body: Range<Int>
}

/// What a client asked for beside the URL (RFC 9110, 13 and 14).
struct Conditions {
    let ifNoneMatch: String?
    let ifModifiedSince: String?
    let range: String?
    let ifRange: String?

    /// Whether the response depends on nothing but the image.
    var isEmpty: Bool { ifNoneMatch == nil && ifModifiedSince == nil && range == nil }

    init(of request: any GatewayRequest) {
        ifNoneMatch = request.param("HTTP_IF_NONE_MATCH")
        ifModifiedSince = request.param("HTTP_IF_MODIFIED_SINCE")
        range = request.param("HTTP_RANGE")
        ifRange = request.param("HTTP_IF_RANGE")
    }
}

/// Makes responses with images, from wherever their bytes come.
struct ImageResponder: Sendable {
    private let configuration: Configuration
    private let clock: WallClock

    init(_ configuration: Configuration, clock: @escaping WallClock) {
        self.configuration = configuration
        self.clock = clock
    }

    /// The response with an image of `size` bytes to the request of `exchange`. Without `stored` it is passed on and not
    /// to be kept by anybody; without a size there is neither length nor range. Unless it `mayBePart`, a range is passed
    /// over, as RFC 9110, 14.2, allows. Who asks for all of an image shares its `ready` head with others who do.
    func response(
        to exchange: Exchange, _ type: MediaType, size: Int?, _ stored: StoredResponse?, _ status: CacheStatus,
        mayBePart: Bool = true, sharing ready: ReadyHead? = nil
    ) -> ImageResponse {
        let conditions = Conditions(of: exchange.request)
        let status = named(status, exchange)
        func response() -> ImageResponse {
            self.response(to: exchange, conditions, type, size: size, stored, status, mayBePart: mayBePart)
        }
        guard let ready, let stored, conditions.isEmpty, !configuration.server.sendsServerTiming else {
            return response()
        }
        return ready.response(status, stored, at: clock(), response)
    }

    /// The response with an image from the cache. Unless it `mayBeKept`, nobody is to keep it.
    func response(
        to exchange: Exchange, _ image: CachedImage, _ status: CacheStatus, mayBeKept: Bool = true
    ) -> ImageResponse {
        response(
            to: exchange, image.type, size: image.size, mayBeKept ? image.stored : nil, status, sharing: image.readyHead
        )
    }

    private func response(
        to exchange: Exchange, _ conditions: Conditions, _ type: MediaType, size: Int?, _ stored: StoredResponse?,
        _ status: CacheStatus, mayBePart: Bool
    ) -> ImageResponse {
        let validators = stored?.validators ?? Validators()
        let isNotModified = Conditional.isNotModified(
            ifNoneMatch: conditions.ifNoneMatch, ifModifiedSince: conditions.ifModifiedSince, validators)
        if isNotModified { return notModified(exchange, type, stored, status) }
        var head = ResponseHead(status: 200, contentType: type.contentType, contentLength: size, cacheStatus: status)
        head.fields = fields(exchange, type, stored)
        guard let size, stored != nil else { return ImageResponse(head: head, body: 0..<(size ?? .max)) }
        head.fields.append(("Accept-Ranges", "bytes"))
        // RFC 9110, 14.2: Range is defined for GET alone.
        let range = exchange.writer.dropsBody || !mayBePart ? nil : conditions.range
        switch RangeRequest.evaluate(range: range, ifRange: conditions.ifRange, size: size, validators) {
        case .whole: return ImageResponse(head: head, body: 0..<size)
        case .part(let part):
            head.status = 206
            head.contentLength = part.count
            head.fields.append(("Content-Range", "bytes \(part.lowerBound)-\(part.upperBound - 1)/\(size)"))
            return ImageResponse(head: head, body: part)
        case .unsatisfiable:
            return unsatisfiable(size, status)
        }
    }

    /// RFC 9110, 15.4.5: what would have changed the client's copy, and nothing about the body that is not there.
    private func notModified(
        _ exchange: Exchange, _ type: MediaType, _ stored: StoredResponse?, _ status: CacheStatus
    ) -> ImageResponse {
        var head = ResponseHead(status: 304, contentType: nil, contentLength: nil, cacheStatus: status)
        head.fields = fields(exchange, type, stored)
        return ImageResponse(head: head, body: 0..<0)
    }

    private func unsatisfiable(_ size: Int, _ status: CacheStatus) -> ImageResponse {
        var head = ResponseHead(status: 416, contentType: nil, contentLength: 0, cacheStatus: status)
        head.fields = [("Content-Range", "bytes */\(size)"), ("Cache-Control", "no-store")] + corsFields
        return ImageResponse(head: head, body: 0..<0)
    }

    /// The status with the key of the cache, where that is not kept to ourselves.
    private func named(_ status: CacheStatus, _ exchange: Exchange) -> CacheStatus {
        guard configuration.server.showsCacheKey, let urlText = exchange.record.urlText else { return status }
        var status = status
        status.key = String(decoding: configuration.cache.imageKey.key(for: urlText).bytes, as: UTF8.self)
        return status
    }

    private func fields(
        _ exchange: Exchange, _ type: MediaType, _ stored: StoredResponse?
    ) -> [(name: String, value: String)] {
        var fields: [(name: String, value: String)] = []
        if let stored { add(stored, to: &fields) } else { fields.append(("Cache-Control", "private, no-store")) }
        // SVG is a document: it must never become one under our users' domain.
        if type == .svg { fields.append(("Content-Disposition", "attachment")) }
        if configuration.server.sendsServerTiming {
            fields.append(("Server-Timing", ServerTiming.fieldValue(exchange.record)))
        }
        return fields + corsFields
    }

    private var corsFields: [(name: String, value: String)] {
        configuration.server.corsOrigin.map { [("Access-Control-Allow-Origin", $0)] } ?? []
    }

    private func add(_ stored: StoredResponse, to fields: inout [(name: String, value: String)]) {
        let now = clock()
        let left = max(0, stored.freshnessLeft(at: now))
        // What is left, not what there was: nginx counts from its own clock and does not look at Age (RFC 9111, 5.1).
        var control = "public, max-age=\(left)"
        let window = stored.staleWhileRevalidate
        if window > 0 { control += ", stale-while-revalidate=\(window)" }
        // What the origin says to every cache is passed on (RFC 9111, 5.2).
        if stored.mustRevalidate { control += ", must-revalidate" }
        fields.append(("Cache-Control", control))
        fields.append(("Age", "\(stored.age(at: now))"))
        if let etag = stored.validators.etag { fields.append(("ETag", etag.text)) }
        if let date = stored.validators.lastModified { fields.append(("Last-Modified", HTTPDate.text(date))) }
    }
}
