import ProxyCore

/// Passes an image on as it arrives: to the client it was fetched for, to those who followed, and into the cache.
///
/// All on the thread of the fetch, which never waits for one client while others would get on: they take from what is
/// kept, each at its own pace. Only an image that is not kept whole is paced by the client that it was fetched for.
final class FetchDelivery: ImageSink {
    private let handler: RequestHandler
    private let fetch: CollapsedFetch
    private let audience: Audience
    /// That of those who follow.
    private let readyHead = ReadyHead()
    private var lease: FetchLease?

    /// The client that the fetch was begun for, as long as it has not got all it wanted.
    private var leader: Recipient?
    private var arrival: ImageArrival?
    private var stored: StoredResponse?
    private var refusal: StoreRefusal?
    private var kept: TeeBuffer?
    private var job: StoreJob?
    private var scanner: DimensionScanner?
    /// Bytes of the image that have arrived.
    private(set) var count = 0

    private var services: Services { handler.services }

    init(_ handler: RequestHandler, _ fetch: CollapsedFetch, _ lease: FetchLease?) {
        self.handler = handler
        self.fetch = fetch
        self.lease = lease
        audience = Audience(handler.conclusion)
        leader = fetch.leader.map { Recipient($0.exchange) }
    }

    // MARK: ImageSink

    func begin(_ arrival: ImageArrival) throws(ProxyError) -> Bool {
        self.arrival = arrival
        scanner = DimensionScanner(arrival.type)
        switch arrival.judged(by: services.freshness) {
        case .storable(let stored): self.stored = stored
        case .notStorable(let reason): refusal = .notStorable(reason)
        }
        if refusal == nil, let length = arrival.length, !gate.admits(length) { refusal = .tooLarge }
        prepareKeeping(arrival)
        if refusal != nil { sendAway() }
        try beginLeader(arrival)
        return leader != nil || isKept
    }

    func write(_ bytes: RawSpan) throws(ProxyError) {
        if let kept, kept.outcome == .kept, !kept.admits(bytes.byteCount) { try stopKeeping(kept) }
        let offset = count
        count += bytes.byteCount
        scanner?.scan(bytes)
        kept?.append(bytes)
        try withLeader { leader throws(ProxyError) in
            guard let kept, kept.keepsAll else { return try leader.offer(bytes, at: offset) }
            try leader.takePieces(from: kept)
        }
    }

    /// Nothing more has arrived: a good time for those who are behind.
    func flush() throws(ProxyError) {
        guard let kept, kept.keepsAll else {
            return try withLeader { leader throws(ProxyError) in try leader.flush(waits: true) }
        }
        try withLeader { leader throws(ProxyError) in
            try leader.flush(waits: false)
            try leader.catchUp(with: kept, waits: false)
        }
        admitFollowers()
        audience.push(kept)
    }

    /// Followers come, and clients become ready to take more, without the origin having to say a word.
    var attention: Duration? { kept?.keepsAll ?? false ? .milliseconds(20) : nil }

    var isAbandoned: Bool { (leader?.exchange.request.isPeerGone ?? false) && !hasFollowers }

    private var hasFollowers: Bool { !audience.isEmpty || handler.fetches.hasFollowers(fetch) }
}

// MARK: - Keeping

extension FetchDelivery {
    private var gate: SizeGate { SizeGate(limit: services.configuration.cache.maximumSize.bytes) }

    /// Whether the image is kept, for the cache or for those who follow, as far as is known by now.
    private var isKept: Bool { kept?.outcome == .kept && refusal == nil }

    /// Whether what is kept goes on into the cache, as far as is known by now.
    private var goesIntoCache: Bool { job != nil && services.cache?.isAvailable ?? false }

    private func prepareKeeping(_ arrival: ImageArrival) {
        guard leader?.exchange.writer.dropsBody != true else { return }
        if services.cache != nil {
            let job = StoreJob(
                fetch.image.urlText, requestIdentifier: fetch.requestIdentifier, type: arrival.type,
                length: arrival.length, stored: stored, fetchedAt: arrival.receivedAt, storer: services.storer,
                queue: services.storeQueue)
            if services.storeQueue.isFull { services.accessLog.metrics.overBudget.add() } else { self.job = job }
        }
        guard refusal == nil, job != nil || fetch.isShared else { return }
        let job = job
        kept = TeeBuffer(
            gate: gate, budget: services.storeBudget, chunkSize: services.configuration.cache.chunkSize.bytes,
            length: arrival.length
        ) { job?.append($0) }
    }

    /// What is kept ends here: the leader's client gets what it lacks of it first, and so do all who have begun.
    private func stopKeeping(_ kept: TeeBuffer) throws(ProxyError) {
        refusal = kept.outcome == .tooLarge ? .tooLarge : .overBudget
        try withLeader { leader throws(ProxyError) in try leader.catchUp(with: kept, waits: true) }
        kept.letGo()
        job?.giveUp()
        sendAway()
        // Nobody has been waiting for it but the cache.
        if leader == nil { throw .clientGone }
    }

    /// Whoever waits for this image is better off asking for it alone, here and in other processes. For a while nobody is
    /// made to wait for it again, but where there was only no room for it.
    private func sendAway() {
        let duration = refusal == .overBudget ? Verdict.apart.duration : Verdict.apartDuration
        if let lease { handler.leases.end(lease, leaving: .apart, for: duration) }
        lease = nil
        handler.resume(handler.fetches.end(fetch, apartFor: duration).map(\.apart))
    }
}

// MARK: - Clients

extension FetchDelivery {
    private func beginLeader(_ arrival: ImageArrival) throws(ProxyError) {
        guard let leader else { return }
        let exchange = leader.exchange
        exchange.record.fetch = arrival.timings
        let isStored = isKept && arrival.length != nil && goesIntoCache
        let status = CacheStatus.forwarded(
            fetch.leader?.reason ?? .stale, status: arrival.status, isStored: isStored)
        // A part is worth its while if the rest is not read in vain.
        let response = services.responder.response(
            to: exchange, arrival.type, size: arrival.length, stored, status, mayBePart: isStored)
        leader.begin(response)
        if leader.hasEnough { try endLeader(leader) }
    }

    private func admitFollowers() {
        guard fetch.isShared, let arrival, let stored, let length = arrival.length else { return }
        for miss in handler.fetches.takeFollowers(of: fetch) {
            let status = CacheStatus.forwarded(
                miss.reason, status: arrival.status, isStored: goesIntoCache, isCollapsed: true)
            let follower = Recipient(miss.exchange)
            follower.begin(
                services.responder.response(
                    to: miss.exchange, arrival.type, size: length, stored, status, sharing: readyHead))
            audience.add(follower)
        }
    }

    /// Does something for the leader's client. When it has left, or has all it wanted, the fetch goes on for the others
    /// and for the cache.
    private func withLeader(_ body: (Recipient) throws(ProxyError) -> Void) throws(ProxyError) {
        guard let leader else { return }
        do {
            try body(leader)
        } catch {
            guard hasFollowers else { throw error }
            self.leader = nil
            return handler.conclusion.end(leader.exchange, .failure(error))
        }
        // The one who wants all is ended when the image is whole.
        if leader.hasEnough, count < arrival?.length ?? .max { try endLeader(leader) }
    }

    private func endLeader(_ leader: Recipient) throws(ProxyError) {
        try leader.flush(waits: true)
        self.leader = nil
        handler.conclusion.end(leader.exchange, .success(()))
    }
}

// MARK: - The end

extension FetchDelivery {
    func note(_ timings: FetchTimings, _ duration: Duration) {
        leader?.exchange.record.fetch = timings
        leader?.exchange.record.fetchTime = duration
    }

    /// The image has arrived whole.
    func complete() {
        // What fits one chunk is written in less time than a rest takes.
        if leader != nil, let kept, kept.keepsAll, kept.chunks.count > 1 { services.storeQueue.rest() }
        kept?.finish()
        services.accessLog.metrics.fetchedSize.observe(count)
        share()
        // The response comes first, unless its client is slow: others wait for the cache.
        if let kept, kept.hasAll, let leader, leader.position < count, !leader.exchange.request.isWritable {
            endJob()
            endLeader()
        } else {
            endLeader()
            endJob()
        }
    }

    /// The client wanted the head alone, and has it.
    func endWithHead() {
        endLeader()
        end()
    }

    /// The fetch has failed. True when the exchange that it was begun for has not been answered.
    func fail(_ error: ProxyError) -> Miss? {
        job?.end(.cut) {}
        for follower in audience.takeAll() { handler.conclusion.end(follower.exchange, .failure(error)) }
        guard let leader else { return nil }
        guard leader.exchange.writer.hasBegun else { return fetch.leader }
        handler.conclusion.end(leader.exchange, .failure(error))
        return nil
    }

    /// Serves those who follow from the whole image; if it is not all here, they wait for the cache.
    private func share() {
        guard fetch.isShared, isKept, let arrival, let stored, let kept, kept.hasAll else { return }
        let image = FetchedImage(
            arrival.type, size: count, stored, status: arrival.status, isStored: goesIntoCache, kept.chunks)
        let isFresh = stored.use(at: services.clock()) == .fresh
        handler.resume(handler.fetches.complete(fetch, with: image, isFresh: isFresh), with: image)
        for follower in audience.takeAll() { handler.finish(follower, with: image) }
    }

    private func endLeader() {
        guard let leader else { return }
        self.leader = nil
        let result = Result { () throws(ProxyError) in
            if let kept, kept.hasAll { try leader.catchUp(with: kept, waits: true) }
            try leader.flush(waits: true)
        }
        handler.conclusion.end(leader.exchange, result)
    }

    private func endJob() {
        guard let job else { return end() }
        let dimensions = scanner?.dimensions
        let end = refusal.map { StoreJob.End.notKept($0, size: count, dimensions) }
        let finish = Ending(handler, fetch, lease)
        job.end(end ?? .whole(size: count, dimensions)) { finish.run() }
    }

    private func end() { Ending(handler, fetch, lease).run() }
}

/// The end of a fetch for everybody else: the image is in the cache, or it will not be.
private struct Ending: Sendable {
    let handler: RequestHandler
    let fetch: CollapsedFetch
    let lease: FetchLease?

    init(_ handler: RequestHandler, _ fetch: CollapsedFetch, _ lease: FetchLease?) {
        self.handler = handler
        self.fetch = fetch
        self.lease = lease
    }

    func run() {
        if let lease { handler.leases.end(lease) }
        handler.resume(handler.fetches.end(fetch).map(\.apart))
    }
}
