import Logging
import ProxyCore

/// Answers requests. Shared by all workers; what belongs to one request is in its `Exchange`.
final class RequestHandler: Sendable {
    let services: Services
    private let admission: FetchAdmission

    init(_ services: Services, workers: Int) {
        self.services = services
        let conclusion = Conclusion(services: services)
        admission = FetchAdmission(workers: workers) { conclusion.end($0.exchange, .failure(.overloaded)) }
    }

    /// Answers one request, or leaves it with those that wait for a worker to fetch them.
    func handle(_ request: any GatewayRequest) {
        let exchange = Exchange(request)
        let result = Result { () throws(ProxyError) in try answer(exchange) }
        switch result {
        case .success(let image?): forward(WaitingMiss(exchange: exchange, image: image))
        case .success(nil): end(exchange, .success(nil))
        case .failure(let error): end(exchange, .failure(error))
        }
    }

    /// Answers what can be answered without an origin. The image that is missing, if one is.
    private func answer(_ exchange: Exchange) throws(ProxyError) -> ImageRequest? {
        let (request, writer) = (exchange.request, exchange.writer)
        guard ["GET", "HEAD"].contains(exchange.record.method) else { throw .methodNotAllowed }
        let route = Route(
            requestURI: request.param("REQUEST_URI"), scriptName: request.param("SCRIPT_NAME"),
            pathInfo: request.param("PATH_INFO"))
        switch route {
        case .image: return try ImageExchange(services, exchange).answer()
        case .health: try sendHealth(writer)
        case .stats:
            try requireAdmin(request)
            try sendStatistics(writer)
        case .metrics, .status: throw .notFound
        }
        return nil
    }

    /// Fetches a miss if it may be fetched now, and then those that waited meanwhile.
    private func forward(_ miss: WaitingMiss) {
        switch admission.admit(miss) {
        case .waits: return
        case .overloaded: return end(miss.exchange, .failure(.overloaded))
        case .fetch: break
        }
        let exchange = ImageExchange(services, miss.exchange)
        end(miss.exchange, Result { () throws(ProxyError) in try exchange.forward(miss.image) })
        while let waiting = admission.next() {
            // What it waits for may be in the cache by now: then nobody needs to ask the origin again.
            let exchange = ImageExchange(services, waiting.exchange)
            end(waiting.exchange, Result { () throws(ProxyError) in try exchange.answerOrForward(waiting.image) })
        }
    }

    private func end(_ exchange: Exchange, _ result: Result<StoreJob?, ProxyError>) {
        Conclusion(services: services).end(exchange, result)
    }
}

/// How an exchange ends, whatever happened: the response is ended or cut, the log gets its line, the cache its job.
struct Conclusion: Sendable {
    let services: Services

    func end(_ exchange: Exchange, _ result: Result<StoreJob?, ProxyError>) {
        let (request, writer) = (exchange.request, exchange.writer)
        switch result {
        case .success: request.finish()
        case .failure(let error): fail(error, request, writer, &exchange.record)
        }
        // The response has ended. Nothing of the request is touched below this line.
        exchange.record.bytes = writer.bodyBytes
        exchange.record.cacheStatus = writer.cacheStatus
        if exchange.record.status == 0 { exchange.record.status = writer.status }
        services.accessLog.record(exchange.record)
        if case .success(let job?) = result, !services.storeQueue.submit(job) {
            services.accessLog.metrics.overBudget.add()
        }
    }

    /// An error before the response has begun becomes a problem body; after that the response can only be cut.
    private func fail(
        _ error: ProxyError, _ request: any GatewayRequest, _ writer: ResponseWriter, _ record: inout AccessRecord
    ) {
        record.status = error.status
        record.reason = error.reason
        if error == .clientGone || writer.hasBegun { return request.abort() }
        let (head, body) = Problem.response(to: error, corsOrigin: services.configuration.server.corsOrigin)
        do {
            try writer.send(head, body)
            request.finish()
        } catch {
            request.abort()
        }
    }
}

extension RequestHandler {
    private func sendHealth(_ writer: ResponseWriter) throws(ProxyError) {
        let body = services.cache?.isAvailable ?? true ? "ok\n" : "degraded\n"
        try sendUncached("text/plain; charset=utf-8", Array(body.utf8), writer)
    }

    private func sendStatistics(_ writer: ResponseWriter) throws(ProxyError) {
        try sendUncached("application/json", services.statistics.json(), writer)
    }

    private func sendUncached(_ type: String, _ body: [UInt8], _ writer: ResponseWriter) throws(ProxyError) {
        var head = ResponseHead(status: 200, contentType: type, contentLength: body.count, cacheStatus: .none)
        head.fields = [("Cache-Control", "no-store")]
        try writer.send(head, body)
    }

    private func requireAdmin(_ request: any GatewayRequest) throws(ProxyError) {
        guard let text = request.param("REMOTE_ADDR"), let address = IPAddress(text),
            services.adminNetworks.contains(where: { $0.contains(address) })
        else { throw .forbidden }
    }
}

/// The error body (RFC 9457).
enum Problem {
    static func response(to error: ProxyError, corsOrigin: String?) -> (ResponseHead, [UInt8]) {
        var text = JSONText()
        text.object { text in
            // "about:blank" says no more than the status does (RFC 9457, 4.2.1), and its title is the status' own.
            text.member("type", .string("about:blank"))
            text.member("title", .string(ResponseHead.reasonPhrase(error.status)))
            text.member("status", .integer(Int64(error.status)))
            text.member("detail", .string(error.publicMessage))
        }
        var head = ResponseHead(
            status: error.status, contentType: "application/problem+json", contentLength: text.bytes.count,
            cacheStatus: cacheStatus(of: error))
        head.fields = [("Cache-Control", "no-store")]
        if error == .methodNotAllowed { head.fields.append(("Allow", "GET, HEAD")) }
        if error == .overloaded { head.fields.append(("Retry-After", "1")) }
        if let corsOrigin { head.fields.append(("Access-Control-Allow-Origin", corsOrigin)) }
        return (head, text.bytes)
    }

    private static func cacheStatus(of error: ProxyError) -> CacheStatus {
        if case .upstream = error { .forwarded(.uriMiss, isStored: false) } else { .none }
    }
}
