import FastCGI
import Glibc
import ProxyCore

/// The way of one fetch on a worker: agree with the other processes on who asks, ask, and see to those who wait.
struct Forwarding {
    private let handler: RequestHandler
    private let fetch: CollapsedFetch
    private var services: Services { handler.services }

    /// How long others are waited for, who ask for the same image and are slow about it.
    static let patience = Duration.seconds(10)
    private static let firstPause = Duration.milliseconds(2)
    private static let longestPause = Duration.milliseconds(25)

    /// What waits for the end of a body of unknown length, where a cut can be shown: enough for a small image to get its
    /// length, and no delay that anybody sees.
    private static let shortHoldBack = HoldBack(bytes: 64 << 10, time: .milliseconds(50))

    init(_ handler: RequestHandler, _ fetch: CollapsedFetch) {
        self.handler = handler
        self.fetch = fetch
    }

    func run() {
        WorkerPulse.current?.begin(
            .init(.fetch, request: fetch.requestIdentifier, host: fetch.image.source.host.description))
        fetch.leader?.exchange.record.queueTime = .now - fetch.since
        services.turnstile.blocking {
            guard !isAbandoned else { return fail(.clientGone) }
            switch agree() {
            case .ask(let lease): ask(lease)
            case .askApart:
                handler.resume(handler.fetches.end(fetch, apartFor: Verdict.apart.duration).map(\.apart))
                ask(nil)
            case .lookAgain(let lease): if !lookAgain() { ask(lease) } else { handler.leases.end(lease) }
            case .leave: handler.resume(waiting())
            case .failed(let failure): fail(.upstream(failure), isKnown: true)
            case .abandoned: fail(.clientGone)
            }
        }
    }

    /// The place in the queue has become too bad, or nobody is there any more. Those who followed one who has left ask for
    /// themselves.
    func turnAway() { fail(fetch.isLeaderGone ? .clientGone : .overloaded) }

    private func fail(_ error: ProxyError, isKnown: Bool = false) {
        fail(error, nil, fetch.leader, waiting(), isKnown: isKnown)
    }

    /// Ends the fetch for others; whoever waits for it is the caller's now.
    private func waiting() -> [Miss] { handler.fetches.end(fetch) }

    private var isAbandoned: Bool {
        guard let leader = fetch.leader else { return false }
        return leader.exchange.request.isPeerGone && !handler.fetches.hasFollowers(fetch)
    }
}

// MARK: - Agreement

extension Forwarding {
    private enum Agreement {
        case ask(FetchLease?)
        case askApart
        /// Somebody else has asked, and the answer may be in the cache. If it is not, because they were killed for example, it
        /// is our turn: one process asks, and the others go on waiting.
        case lookAgain(FetchLease)
        /// Somebody else is at what nobody waits for here, or has just tried in vain.
        case leave
        case failed(UpstreamFailure)
        case abandoned
    }

    /// Finds out whether another process asks for this image, and waits for it if so.
    private func agree() -> Agreement {
        guard !isCacheSlow else { return .ask(nil) }
        guard fetch.isShared else { return agreeAlone() }
        let deadline = ContinuousClock.now + Self.patience
        var pause = Self.firstPause
        var hasWaited = false
        while true {
            switch handler.leases.claim(fetch.image.urlText) {
            case .granted(let lease):
                // What is in the cache may have come, or been renewed, since we looked.
                return hasWaited || lease.isCached ? .lookAgain(lease) : .ask(lease)
            case .unavailable: return .ask(nil)
            // A refresh that others are at, or have just tried in vain, can wait.
            case .taken where fetch.leader == nil, .left where fetch.leader == nil: return .leave
            case .left(let verdict): return verdict.failure.map { .failed($0) } ?? .askApart
            case .taken: break
            }
            if isAbandoned { return .abandoned }
            // They are alive, and slow: we ask too, once for all who wait here.
            guard ContinuousClock.now < deadline else { return .ask(nil) }
            hasWaited = true
            usleep(useconds_t(clamping: pause.wholeMilliseconds * 1000))
            pause = min(pause * 2, Self.longestPause)
        }
    }
}

extension Forwarding {
    /// Whether Redis was so slow to answer this request that it had better not be asked anything more for it: its slowness
    /// is paid once. A folder is as fast as the machine, and its leases are wanted most when that is busy.
    private var isCacheSlow: Bool {
        guard case .redis = services.configuration.cache.store else { return false }
        return (fetch.leader?.exchange.record.cacheTime ?? .zero) > services.configuration.cache.timeout / 2
    }

    /// Whether it is a HEAD that asks: it shares no fetch, but what is known of an image is known to it, too.
    private var isHead: Bool { fetch.leader.map { $0.exchange.writer.dropsBody && !$0.isApart } ?? false }

    private func agreeAlone() -> Agreement {
        guard isHead, let failure = handler.leases.verdict(on: fetch.image.urlText)?.failure else { return .ask(nil) }
        return .failed(failure)
    }

    /// Tells the other processes what came of a HEAD. It holds no lease while it asks, so that no GET waits for it, and asks
    /// for one now.
    private func leaveAlone(_ verdict: Verdict?) {
        guard isHead, !isCacheSlow, verdict?.failure != nil,
            case .granted(let lease) = handler.leases.claim(fetch.image.urlText)
        else { return }
        leave(verdict, lease)
    }

    /// Tells the other processes what came of it. Touches nothing of the request.
    private func leave(_ verdict: Verdict?, _ lease: FetchLease) {
        handler.leases.end(lease, leaving: verdict, for: verdict.map { duration(of: $0) } ?? .zero)
    }
}

extension Forwarding {
    /// Answers from the cache what has come into it meanwhile. False when that is nothing that may be served as it is.
    private func lookAgain() -> Bool {
        guard let leader = fetch.leader else { return lookAgainBeforeRefresh() }
        let result = Result { () throws(ProxyError) in try ImageExchange(services, leader.exchange).answer(leader.image)
        }
        switch result {
        case .success(.missing(let again)):
            fetch.lead(again)
            return false
        case .success(.sent): handler.conclusion.end(leader.exchange, .success(()))
        case .failure(let error): handler.conclusion.end(leader.exchange, .failure(error))
        }
        handler.resume(waiting().map(\.apart))
        return true
    }

    /// True when what was to be refreshed is not in the cache any more: another has renewed or replaced it, or it was purged.
    private func lookAgainBeforeRefresh() -> Bool {
        switch services.cache?.lookup(fetch.image.urlText) {
        case .hit(let cached) where cached.fingerprint == fetch.stale?.cached.fingerprint: return false
        case .hit, .absent: break
        case .damaged, .unavailable, nil: return false
        }
        handler.resume(waiting())
        return true
    }
}

// MARK: - Asking

extension Forwarding {
    private func ask(_ lease: FetchLease?) {
        let delivery = FetchDelivery(handler, fetch, lease)
        let isStumpSeen = fetch.leader?.exchange.request.canShowAbort ?? true
        let holdBack =
            isStumpSeen ? Self.shortHoldBack : HoldBack(bytes: services.configuration.cache.maximumSize.bytes)
        var timings = FetchTimings()
        let start = ContinuousClock.now
        let result = Result { () throws(ProxyError) in
            try services.fetcher.fetch(
                fetch.image.source, validators: fetch.stale.map(\.response.validators), into: delivery,
                holdBack: holdBack, watching: fetch.leader?.exchange.request.watchedDescriptor,
                admission: handler.admission, timings: &timings)
        }
        services.accessLog.metrics.bytesFetched.add(delivery.count)
        delivery.note(timings, .now - start)
        switch result {
        case .success(.whole): delivery.complete()
        case .success(.headOnly): delivery.endWithHead()
        case .success(.notModified(let fields, let requestedAt, let receivedAt)):
            renew(lease, by: fields, requestedAt, receivedAt)
        case .failure(let error):
            // The entry goes first: whoever comes from now on has nothing to do with this failure.
            let followers = waiting()
            fail(error, lease, delivery.fail(error), followers)
        }
    }

    /// What is in the cache is good for some more time.
    private func renew(_ lease: FetchLease?, by fields: OriginFields, _ requestedAt: Int64, _ receivedAt: Int64) {
        let renewal = fetch.stale.map { renew($0, by: fields, requestedAt, receivedAt) } ?? .renewed
        services.accessLog.metrics.revalidated.add()
        if let lease { handler.leases.end(lease) }
        guard renewal != .otherImage else {
            handler.resume(waiting())
            if let leader = fetch.leader { handler.answerAgain(leader) }
            return
        }
        let isKept = renewal == .renewed
        let answer: RequestHandler.LateAnswer = { (exchange, miss) throws(ProxyError) in
            let status = CacheStatus.forwarded(.stale, status: 304, isStored: isKept)
            return try exchange.answer(miss.image, status, mayBeKept: isKept) { _ in true }
        }
        for miss in waiting() { handler.resume(miss, answer) }
        if let leader = fetch.leader { handler.answer(leader, answer) }
        if !isKept { services.cache?.remove(fetch.image.urlText) }
    }

    /// What a 304 says about the image in the cache.
    private enum Renewal {
        case renewed
        /// It is good for those who wait, and may not be kept any longer: whoever comes late asks for himself.
        case lastUse
        /// It is another than the origin speaks of, and has been forgotten.
        case otherImage
    }

    private func renew(
        _ stale: StaleImage, by fields: OriginFields, _ requestedAt: Int64, _ receivedAt: Int64
    ) -> Renewal {
        guard let cache = services.cache else { return .renewed }
        let renewed = services.freshness.renewed(
            stale.response, by: fields, requestedAt: requestedAt, receivedAt: receivedAt)
        switch renewed {
        case .storable(let response): renew(stale, as: response, in: cache)
        case .notStorable(.otherRepresentation):
            cache.remove(fetch.image.urlText)
            return .otherImage
        // It is good this once, and may be again.
        case .notStorable(.unusable): break
        case .notStorable: return .lastUse
        }
        return .renewed
    }

    private func renew(_ stale: StaleImage, as response: StoredResponse, in cache: any CacheTier) {
        var record = stale.cached.record
        record.expiresAt = response.freshUntil
        record.extra = response.extra
        do {
            _ = try cache.renew(
                stale.cached, as: record,
                expiry: services.freshness.retention(of: response, at: services.clock()), of: fetch.image.urlText)
        } catch {
            services.accessLog.metrics.storeFailures.add()
        }
    }

    /// Tells everybody who has not begun that the origin has failed, or serves them what the cache still has.
    /// With `isKnown` the failure is another's, and kept in the cache.
    private func fail(
        _ error: ProxyError, _ lease: FetchLease?, _ leader: Miss?, _ followers: [Miss], isKnown: Bool = false
    ) {
        if case .upstream(.missing) = error, fetch.stale != nil { services.cache?.remove(fetch.image.urlText) }
        // Where there is no lease that others wait for, they hear of it before the client does, who may ask again at once.
        if !isKnown, lease == nil { leaveAlone(Verdict(error)) }
        // The one who led has left; the others begin anew.
        if error == .clientGone {
            handler.resume(followers)
        } else {
            for miss in followers { end(miss, error, isKnown) }
        }
        if let leader { end(leader, error, isKnown) }
        // Else they hear of it behind the response: who asks there before that waits for the lease, and then hears.
        if !isKnown, let lease { leave(Verdict(error), lease) }
    }

    /// How long a verdict holds; a missing image, as long as the configuration says.
    private func duration(of verdict: Verdict) -> Duration {
        if case .missing = verdict { services.configuration.freshness.negativeTTL } else { verdict.duration }
    }

    /// Ends one exchange with an error, or with a stale image where that is better (RFC 5861, 4).
    private func end(_ miss: Miss, _ error: ProxyError, _ isKnown: Bool) {
        guard miss.stale != nil, error.permitsStale else {
            miss.exchange.record.isAnsweredByCache = isKnown
            return handler.conclusion.end(miss.exchange, .failure(error))
        }
        var status = CacheStatus.forwarded(.stale, status: error.originStatus)
        status.detail = "stale-if-error"
        handler.resume(miss, orElse: error) { [status] (exchange, miss) throws(ProxyError) in
            try exchange.answer(miss.image, status) { $0 != .unusable }
        }
    }
}

extension ProxyError {
    /// Whether a stale image is better than this error: the origin is in trouble, and has not said anything about it. What
    /// it refuses, it has said something about (RFC 9111, 4.3.3), unless it was only asked at a bad time.
    fileprivate var permitsStale: Bool {
        switch self {
        case .upstream(.missing): false
        case .upstream(.status(let status)): !(400..<500).contains(status) || [408, 425, 429].contains(status)
        case .upstream, .overloaded: true
        default: false
        }
    }
}
