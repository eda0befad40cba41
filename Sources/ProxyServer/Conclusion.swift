import ProxyCore

/// How an exchange ends, whatever happened: the response is ended or cut, and the log gets its line.
struct Conclusion: Sendable {
    let services: Services

    /// Called once for each exchange. Nothing of the request is touched afterwards.
    func end(_ exchange: Exchange, _ result: Result<Void, ProxyError>) {
        let (request, writer) = (exchange.request, exchange.writer)
        switch result {
        case .success: request.finish()
        case .failure(let error):
            exchange.record.status = error.status
            exchange.record.reason = error.reason
            fail(error, request, writer, isAnsweredByCache: exchange.record.isAnsweredByCache)
        }
        exchange.record.bytes = writer.bodyBytes
        exchange.record.cacheStatus = writer.cacheStatus
        if exchange.record.status == 0 { exchange.record.status = writer.status }
        services.accessLog.record(exchange.record)
    }

    /// An error before the response has begun becomes a problem body; after that the response can only be cut.
    private func fail(
        _ error: ProxyError, _ request: any GatewayRequest, _ writer: ResponseWriter, isAnsweredByCache: Bool
    ) {
        if error == .clientGone || writer.hasBegun { return request.abort() }
        let (head, body) = Problem.response(
            to: error, isAnsweredByCache: isAnsweredByCache,
            corsOrigin: services.configuration.server.corsOrigin)
        do {
            try writer.send(head, body)
            request.finish()
        } catch {
            request.abort()
        }
    }
}

/// The error body (RFC 9457).
enum Problem {
    static func response(
        to error: ProxyError, isAnsweredByCache: Bool = false, corsOrigin: String?
    ) -> (ResponseHead, [UInt8]) {
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
            cacheStatus: isAnsweredByCache ? negative : cacheStatus(of: error))
        head.fields = [("Cache-Control", "no-store")]
        if error == .methodNotAllowed { head.fields.append(("Allow", "GET, HEAD")) }
        if error == .overloaded { head.fields.append(("Retry-After", "1")) }
        if let corsOrigin { head.fields.append(("Access-Control-Allow-Origin", corsOrigin)) }
        return (head, text.bytes)
    }

    /// A failure that is kept for a while.
    private static let negative: CacheStatus = {
        var status = CacheStatus.hit
        status.detail = "negative"
        return status
    }()

    private static func cacheStatus(of error: ProxyError) -> CacheStatus {
        if case .upstream = error { .forwarded(.uriMiss, status: error.originStatus) } else { .none }
    }
}

extension ProxyError {
    /// The status by which the origin said so, if it said anything.
    var originStatus: Int? {
        switch self {
        case .upstream(.status(let status)), .upstream(.missing(let status)): status
        default: nil
        }
    }
}
