import FastCGI
import Logging
import ProxyCore

/// Answers requests. Shared by all workers; what belongs to one request is in its `Exchange`.
final class RequestHandler: Sendable {
    let services: Services
    let conclusion: Conclusion
    let fetches = CollapsedFetches()
    let leases: FetchLeases
    let admission: FetchAdmission
    private let overdue: OverdueTimer
    private let memory: MemoryGuard

    /// How long a request waits for another's fetch. An origin that takes longer than it may has failed by then.
    private static let patience = Duration.seconds(15)

    init(
        _ services: Services, workers: Int,
        memory: MemoryGuard = MemoryGuard(MemoryPlan(addressSpace: nil, resident: nil))
    ) {
        self.memory = memory
        self.services = services
        conclusion = Conclusion(services: services)
        leases = FetchLeases(cache: services.cache)
        admission = FetchAdmission(workers: workers)
        overdue = OverdueTimer()
    }

    /// Answers one request, or leaves it with those that wait: for a worker to fetch them, or for another's fetch.
    func handle(_ request: any GatewayRequest) {
        let exchange = Exchange(request)
        WorkerPulse.current?.begin(.init(.request, request: exchange.record.requestID))
        do {
            if let image = try image(of: exchange) {
                answer(exchange, image)
            } else {
                try answer(route(of: request), exchange)
                conclusion.end(exchange, .success(()))
            }
        } catch {
            conclusion.end(exchange, .failure(error))
        }
    }

    /// Answers a request of the operator's for the image at a URL.
    func handle(_ exchange: Exchange, for urlText: String) {
        do {
            answer(exchange, try ImageExchange(services, exchange).parse(urlText))
        } catch {
            conclusion.end(exchange, .failure(error))
        }
    }

    /// The image that is asked for; nil when it is something else.
    func image(of exchange: Exchange) throws(ProxyError) -> ImageRequest? {
        guard ["GET", "HEAD"].contains(exchange.record.method) else { throw .methodNotAllowed }
        guard route(of: exchange.request) == .image else { return nil }
        guard !memory.isShort else { throw .overloaded }
        return try ImageExchange(services, exchange).parse()
    }

    func route(of request: any GatewayRequest) -> Route {
        guard !services.signing.hasSignedPath(RequestTarget(request)) else { return .image }
        return Route(
            requestURI: request.param("REQUEST_URI"), scriptName: request.param("SCRIPT_NAME"),
            pathInfo: request.param("PATH_INFO"))
    }

    /// What is left to do when the cache has been asked.
    enum Continuation {
        case forward(Miss)
        /// The response is written; the image is to be refreshed behind it.
        case refresh(ImageRequest, StaleImage)
    }

    /// Answers a request for an image, or leaves it with those that wait.
    private func answer(_ exchange: Exchange, _ image: ImageRequest) {
        if let rest = answerFromCache(exchange, image) { goOn(rest) }
    }

    /// Answers from the cache, or with what was `found` there.
    func answerFromCache(_ exchange: Exchange, _ image: ImageRequest, found: CacheLookup? = nil) -> Continuation? {
        do {
            switch try ImageExchange(services, exchange).answer(image, found: found) {
            case .missing(let miss): return .forward(miss)
            case .sent(let stale):
                conclusion.end(exchange, .success(()))
                return stale.map { .refresh(image, $0) }
            }
        } catch {
            conclusion.end(exchange, .failure(error))
            return nil
        }
    }

    func goOn(_ rest: Continuation) {
        switch rest {
        case .forward(let miss): forward(miss)
        case .refresh(let image, let stale): if let fetch = fetches.refresh(image, stale) { start(fetch) }
        }
    }
}

// MARK: - Fetching

extension RequestHandler {
    /// Sees to it that an image is fetched, by this request or by another.
    private func forward(_ miss: Miss) {
        switch fetches.join(miss) {
        case .leads(let fetch): start(fetch)
        case .follows:
            services.accessLog.metrics.collapsed.add()
            overdue.start { [self] in sendOverdue() }
        case .whole(let image): serve(miss, from: image)
        case .overloaded: conclusion.end(miss.exchange, .failure(.overloaded))
        }
    }

    /// Fetches if a fetch may begin now, and then those that waited meanwhile.
    private func start(_ fetch: CollapsedFetch) {
        switch admission.admit(fetch, turnAway: { [self] in Forwarding(self, $0).turnAway() }) {
        case .waits: return
        case .overloaded: return Forwarding(self, fetch).turnAway()
        case .fetch: Forwarding(self, fetch).run()
        }
        var ended = fetch
        while let next = admission.next(after: ended) {
            Forwarding(self, next).run()
            ended = next
        }
    }

    /// Those who have waited too long for another's fetch ask for themselves. True while others wait.
    private func sendOverdue() -> Bool {
        resume(fetches.takeOverdue(Self.patience).map(\.apart))
        return fetches.waitingCount > 0
    }
}

// MARK: - Going on

extension RequestHandler {
    /// Writes a response from what has come into the cache meanwhile; false when there is nothing to be served.
    typealias LateAnswer = @Sendable (ImageExchange, Miss) throws(ProxyError) -> Bool

    /// Has requests that waited looked up once more, by workers that are free.
    func resume(_ misses: [Miss]) {
        for miss in misses { services.work.add { [self] in answerAgain(miss) } }
    }

    /// Has a request that waited answered by a worker that is free.
    func resume(_ miss: Miss, orElse error: ProxyError? = nil, _ answer: @escaping LateAnswer) {
        services.work.add { [self] in self.answer(miss, orElse: error, answer) }
    }

    /// Has requests that waited answered from an image that has come meanwhile.
    func resume(_ misses: [Miss], with image: FetchedImage) {
        for miss in misses { services.work.add { [self] in serve(miss, from: image) } }
    }

    /// Has the rest of an image written by a worker that is free.
    func finish(_ recipient: Recipient, with image: FetchedImage) {
        services.work.add { [self] in
            conclusion.end(recipient.exchange, Result { () throws(ProxyError) in try recipient.finish(with: image) })
        }
    }

    /// Looks a request up that nobody has looked up yet.
    func answer(_ asked: Miss) {
        if isThere(asked.exchange) { answer(asked.exchange, asked.image) }
    }

    /// Looks a request up once more, and forwards it if it is still missing.
    func answerAgain(_ miss: Miss) {
        guard isThere(miss.exchange), case .forward(var again)? = answerFromCache(miss.exchange, miss.image) else {
            return
        }
        again.isApart = miss.isApart
        forward(again)
    }

    /// Whether the client of a request that has waited has done so, too. Else it ends here.
    private func isThere(_ exchange: Exchange) -> Bool {
        guard exchange.request.isPeerGone else { return true }
        conclusion.end(exchange, .failure(.clientGone))
        return false
    }

    /// Answers with what the cache has; where it has nothing, with `error`, or by asking the origin for the image as if
    /// nothing were known of it.
    func answer(_ miss: Miss, orElse error: ProxyError? = nil, _ answer: LateAnswer) {
        do {
            if try answer(ImageExchange(services, miss.exchange), miss) {
                conclusion.end(miss.exchange, .success(()))
            } else if let error {
                conclusion.end(miss.exchange, .failure(error))
            } else {
                forward(Miss(exchange: miss.exchange, image: miss.image, isApart: true))
            }
        } catch {
            conclusion.end(miss.exchange, .failure(error))
        }
    }

    private func serve(_ miss: Miss, from image: FetchedImage) {
        let recipient = Recipient(miss.exchange)
        let status = CacheStatus.forwarded(
            miss.reason, status: image.status, isStored: image.isStored, isCollapsed: true)
        recipient.begin(
            services.responder.response(
                to: miss.exchange, image.type, size: image.size, image.stored, status, sharing: image.readyHead))
        conclusion.end(miss.exchange, Result { () throws(ProxyError) in try recipient.finish(with: image) })
    }
}
