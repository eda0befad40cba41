import FastCGI
import ProxyCore

/// What is answered besides images.
extension RequestHandler {
    /// Answers a request, or says that there is no room for it.
    func take(_ request: FastCGIRequest) {
        guard request.isSurplus else { return handle(request) }
        conclusion.end(Exchange(request), .failure(.overloaded))
    }

    /// Answers a request that came where health and statistics are answered, and nothing else.
    func handleStatus(_ request: any GatewayRequest) {
        let exchange = Exchange(request)
        let result = Result { () throws(ProxyError) in
            guard ["GET", "HEAD"].contains(exchange.record.method) else { throw .methodNotAllowed }
            let route = route(of: request)
            guard route != .image else { throw .notFound }
            try answer(route, exchange)
        }
        conclusion.end(exchange, result)
    }

    /// Writes the answer of an endpoint that is no image's.
    func answer(_ route: Route, _ exchange: Exchange) throws(ProxyError) {
        let (request, writer) = (exchange.request, exchange.writer)
        if route != .health { try requireAdmin(request) }
        switch route {
        case .image: throw .notFound
        case .health: try sendHealth(writer)
        case .stats: try sendUncached("application/json", try statistics(request), writer)
        case .metrics: try sendMetrics(request, writer)
        case .status: try sendStatusPage(writer)
        }
    }

    private func sendHealth(_ writer: ResponseWriter) throws(ProxyError) {
        let body = services.cache?.isAvailable ?? true ? "ok\n" : "degraded\n"
        try sendUncached("text/plain; charset=utf-8", Array(body.utf8), writer)
    }

    /// Those of everything, or with `?url=` what memory has of that one image: only this process can tell.
    private func statistics(_ request: any GatewayRequest) throws(ProxyError) -> [UInt8] {
        let query: String?
        do { query = try QueryString(request.param("QUERY_STRING") ?? "").value(of: "url") } catch {
            throw .badRequest(reason: "malformed")
        }
        guard let urlText = query else { return services.statistics.json() }
        return MemoryReport(urlText, services.cache?.memoryEntry(of: urlText)).encoded()
    }

    /// `?scope=host` and `?scope=all` are for where several processes answer in turn.
    private func sendMetrics(_ request: any GatewayRequest, _ writer: ResponseWriter) throws(ProxyError) {
        let scope: Statistics.Scope? =
            switch request.param("QUERY_STRING") ?? "" {
            case "", "scope=process": .process
            case "scope=host": .host
            case "scope=all": .all
            default: nil
            }
        guard let scope else { throw .notFound }
        guard let text = services.statistics.prometheus(scope) else { throw .countsUnavailable }
        try sendUncached(PrometheusText.contentType, text, writer)
    }

    private func sendStatusPage(_ writer: ResponseWriter) throws(ProxyError) {
        let page = StatusPage()
        try sendUncached("text/html; charset=utf-8", page.html, writer, protection: .page(policy: page.policy))
    }

    private func sendUncached(
        _ type: String, _ body: [UInt8], _ writer: ResponseWriter,
        protection: ResponseHead.Protection = .image
    ) throws(ProxyError) {
        var head = ResponseHead(status: 200, contentType: type, contentLength: body.count, cacheStatus: .none)
        head.fields = [("Cache-Control", "no-store")]
        head.protection = protection
        try writer.send(head, body)
    }

    private func requireAdmin(_ request: any GatewayRequest) throws(ProxyError) {
        guard let text = request.param("REMOTE_ADDR"), let address = IPAddress(text),
            services.adminNetworks.contains(where: { $0.contains(address) })
        else { throw .forbidden }
    }
}
