internal import Curl
public import ProxyCore

/// Makes every decision about a URL that a request for it would, and notes each.
///
/// It resolves, dials and reads as the server does, by the same policy and through the same checks, and leaves as soon as
/// it knows what kind of image there is. Neither reads nor writes the cache.
public struct Explainer {
    private let configuration: Configuration
    private let policy: SourcePolicy

    public init(_ configuration: Configuration) {
        self.configuration = configuration
        policy = SourcePolicy(configuration.source, isSigned: configuration.signing.isRequired)
    }

    /// Explains `url`, an image's own and not that of a request.
    public func explain(_ url: String) -> Explanation {
        var explanation = Explanation(url: url)
        explanation.needsSignature = configuration.signing.isRequired
        do throws(ProxyError) {
            let image = try parse(url)
            explanation.cacheKey = configuration.cache.imageKey.key(for: image.urlText)
            explanation.metadataKey = configuration.cache.metadataKey.key(for: image.urlText)
            try follow(image.source, &explanation)
        } catch {
            explanation.failure = error
        }
        return explanation
    }

    private func parse(_ url: String) throws(ProxyError) -> ImageRequest {
        do { return try ImageRequest(urlText: url) } catch { throw ProxyError(error) }
    }

    private func follow(_ source: SourceURL, _ explanation: inout Explanation) throws(ProxyError) {
        let start = ContinuousClock.now
        let settings = configuration.fetch
        let limits = CurlTransfer.Limits(
            connect: settings.connectTimeout, firstByteBy: start + settings.firstByteTimeout,
            stall: settings.stallTimeout, totalBy: start + settings.totalTimeout)
        var source = source
        for count in 0...settings.maximumRedirects {
            var hop = Explanation.Hop(source: source)
            defer { explanation.hops.append(hop) }
            try authorize(&hop, isRedirect: count > 0)
            let sink = ProbeSink()
            let next = try probe(&hop, limits, sink)
            guard let next else { return conclude(sink.arrival, &explanation) }
            source = try resolve(next, from: source)
        }
        throw .upstream(.tooManyRedirects)
    }

    private func authorize(_ hop: inout Explanation.Hop, isRedirect: Bool) throws(ProxyError) {
        hop.hostPattern = policy.hosts.pattern(for: hop.source.host)
        let port = hop.source.port
        if hop.hostPattern != nil {
            hop.addresses = SystemResolver.addresses(of: hop.source.host).map {
                Explanation.Address(address: $0, verdict: policy.addresses.verdict(on: $0, port: port))
            }
        }
        do {
            try policy.authorize(hop.source)
        } catch {
            throw .sourceDenied(reason: isRedirect ? "redirect-\(error.reason)" : error.reason)
        }
    }

    private func resolve(_ reference: String, from source: SourceURL) throws(ProxyError) -> SourceURL {
        do {
            return try source.resolving(reference: reference)
        } catch {
            guard let denial = error.denial else { throw .upstream(.badRedirect) }
            throw .sourceDenied(reason: "redirect-\(denial.reason)")
        }
    }

    /// Asks one URL. Returns the reference of a redirect, or nil when `sink` knows the image.
    private func probe(
        _ hop: inout Explanation.Hop, _ limits: CurlTransfer.Limits, _ sink: ProbeSink
    ) throws(ProxyError) -> String? {
        let stream = ImageStream(
            into: sink, addresses: policy.addresses, limit: configuration.fetch.maximumImageSize.bytes,
            holdBack: HoldBack(bytes: 0), servesSVG: configuration.media.svg == .fence,
            isSecure: hop.source.scheme == .https)
        let probe = Probe(stream)
        let settings = Fetcher.transferSettings(
            configuration.fetch, userAgent: "image-proxy/\(ProgramVersion.text)")
        let url = hop.source.text
        let result = Result { () throws(CurlError) in
            try CurlTransfer(settings).perform(url, limits: limits, for: probe)
        }
        hop.connected = probe.connected
        hop.status = probe.status
        hop.location = stream.redirect
        if let failure = stream.failure { throw failure }
        if stream.isEnded { return stream.redirect }
        if case .failure(let error) = result { throw ProxyError(error) }
        try stream.end()
        return nil
    }

    private func conclude(_ arrival: ImageArrival?, _ explanation: inout Explanation) {
        guard let arrival else { return }
        explanation.type = arrival.type
        explanation.length = arrival.length
        explanation.storage = storage(of: arrival)
    }

    /// Whether an image would be stored, and for how long it would be fresh.
    private func storage(of arrival: ImageArrival) -> Explanation.Storage {
        let cache = configuration.cache
        let response: StoredResponse
        switch arrival.judged(by: FreshnessPolicy(configuration.freshness, imageTTL: cache.imageTTL)) {
        case .notStorable(let reason):
            return Explanation.Storage(isStored: false, rule: "what the origin says: \(reason.rawValue)")
        case .storable(let storable): response = storable
        }
        let (isStored, rule) = isStored(arrival.length, cache)
        return Explanation.Storage(
            isStored: isStored, rule: rule,
            freshness: Explanation.Freshness(
                lifetime: max(0, response.freshnessLeft(at: arrival.receivedAt)),
                staleWhileRevalidate: response.staleWhileRevalidate, staleIfError: response.staleIfError))
    }

    private func isStored(_ length: Int?, _ cache: Configuration.Cache) -> (Bool?, rule: String) {
        guard cache.store != .off else { return (false, "IMAGE_PROXY_CACHE is off") }
        guard let length else {
            return (nil, "the origin announces no length; IMAGE_PROXY_MAX_CACHE_SIZE is \(cache.maximumSize)")
        }
        let gate = SizeGate(limit: cache.maximumSize.bytes)
        return (gate.admits(length), "\(length) bytes; IMAGE_PROXY_MAX_CACHE_SIZE is \(cache.maximumSize)")
    }
}

/// Wants to know what kind of image there is, and nothing of the image.
private final class ProbeSink: ImageSink {
    private(set) var arrival: ImageArrival?

    func begin(_ arrival: ImageArrival) throws(ProxyError) -> Bool {
        self.arrival = arrival
        return false
    }

    func write(_ bytes: RawSpan) throws(ProxyError) {}
    func flush() throws(ProxyError) {}
    var attention: Duration? { nil }
    var isAbandoned: Bool { false }
}

/// Notes what passes on its way to the stream that decides.
private final class Probe: CurlTransferDelegate {
    private let stream: ImageStream
    private(set) var connected: IPAddress?
    private(set) var status: Int?

    init(_ stream: ImageStream) { self.stream = stream }

    func admits(_ peer: CurlPeer) -> Bool {
        let isAdmitted = stream.admits(peer)
        if isAdmitted { connected = IPAddress(bytes: peer.address) }
        return isAdmitted
    }

    func received(head: CurlResponseHead) -> Bool {
        status = head.status
        return stream.received(head: head)
    }

    func received(body: RawSpan) -> Bool { stream.received(body: body) }
    func paused() { stream.paused() }
    var attention: Duration? { stream.attention }
    func isAbandoned() -> Bool { false }
}
