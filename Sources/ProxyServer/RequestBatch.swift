import FastCGI
import ProxyCore

/// Requests that came together, answered by the one worker that took them: those whose images the cache brings in one trip
/// that way, the others one after the other.
///
/// None waits behind another's origin, client or slow look-up: before the worker waits for such a thing it leaves all
/// that it has not come to yet to others. One thread.
final class RequestBatch {
    private let handler: RequestHandler
    private let cache: (any CacheTier)?
    private let arrivals: FastCGIArrivals
    /// Those that are looked up together.
    private var together: ArraySlice<Miss> = []
    private var series: (any LookupSeries)?
    /// What may take long.
    private var pieces: ArraySlice<Piece> = []

    /// What is left to do for a request. Sendable because whoever takes it is the only one who knows of it.
    fileprivate enum Piece: @unchecked Sendable {
        case judge(FastCGIRequest)
        case lookUp(Miss)
        case goOn(RequestHandler.Continuation)
    }

    init(_ arrivals: FastCGIArrivals, _ handler: RequestHandler) {
        self.handler = handler
        self.arrivals = arrivals
        cache = handler.services.cache
    }

    /// Answers all of them, or leaves them to others.
    func answer() {
        guard let pulse = WorkerPulse.current else { return answerAll() }
        _ = pulse.holding({ [self] in leaveTheRest() }) { answerAll() }
    }

    private func answerAll() {
        arrivals.forEach(begin)
        answerTogether()
        while let piece = pieces.popFirst() {
            WorkerPulse.current?.leaveTheRest()
            handler.run(piece)
        }
    }

    /// Answers a request if its image is at hand.
    private func begin(_ request: FastCGIRequest) {
        let exchange = Exchange(request)
        // What is not for an image, or not well, is judged once more by who answers it.
        guard !request.isSurplus, let image = try? handler.image(of: exchange) else {
            return pieces.append(.judge(request))
        }
        // The end of a connection takes as long as the web server does.
        switch request.isToBeKept ? cache?.effort(for: image.urlText) : .own {
        case .atHand: answer(exchange, image)
        case .shared: together.append(Miss(exchange: exchange, image: image))
        case .own, nil: pieces.append(.lookUp(Miss(exchange: exchange, image: image)))
        }
    }

    private func answerTogether() {
        let start = ContinuousClock.now
        series = together.count > 1 ? cache?.lookups(of: together.map(\.image.urlText)) : nil
        while let asked = together.popFirst() {
            if let found = series?.next() {
                asked.exchange.record.cacheTime = .now - start
                answer(asked.exchange, asked.image, found: found)
            } else {
                pieces.append(.lookUp(asked))
            }
        }
        series = nil
    }

    private func answer(_ exchange: Exchange, _ image: ImageRequest, found: CacheLookup? = nil) {
        WorkerPulse.current?.begin(.init(.request, request: exchange.record.requestID))
        if let rest = handler.answerFromCache(exchange, image, found: found) { pieces.append(.goOn(rest)) }
    }

    private func leaveTheRest() {
        handler.leave(together.map(Piece.lookUp) + pieces)
        (together, pieces) = ([], [])
        // Nobody reads what is left of it.
        series = nil
    }
}

extension RequestHandler {
    /// Answers what has come, all of it that is not left to others.
    func take(_ arrivals: FastCGIArrivals) {
        guard arrivals.count > 1 else { return arrivals.forEach(take) }
        RequestBatch(arrivals, self).answer()
    }

    /// Has the pieces run by workers that are free.
    fileprivate func leave(_ pieces: [RequestBatch.Piece]) {
        for piece in pieces { services.work.add { [self] in run(piece) } }
    }

    fileprivate func run(_ piece: RequestBatch.Piece) {
        switch piece {
        case .judge(let request): take(request)
        case .lookUp(let asked): answer(asked)
        case .goOn(let rest): goOn(rest)
        }
    }
}
