internal import Curl
import ProxyCore

/// Takes an image as it arrives. Called on the thread of the fetch.
protocol ImageSink: AnyObject {
    /// The type is known, and nothing was written yet. `length` is what the origin announced, or what was held back
    /// when it has come to its end already. False when the body is not wanted.
    func begin(_ type: MediaType, length: Int?) throws(ProxyError) -> Bool
    /// The next bytes, valid during the call.
    func write(_ bytes: RawSpan) throws(ProxyError)
    /// Nothing more has arrived for now: what was gathered is to go out.
    func flush() throws(ProxyError)
}

/// Fetches one image from its origin: redirect hops, limits, and what libcurl's errors mean to a client.
final class Fetcher: Sendable {
    private let policy: SourcePolicy
    private let settings: Configuration.Fetch
    private let servesSVG: Bool
    private let transfers: TransferPool

    init(policy: SourcePolicy, settings: Configuration.Fetch, servesSVG: Bool, userAgent: String) {
        self.policy = policy
        self.settings = settings
        self.servesSVG = servesSVG
        transfers = TransferPool(
            CurlTransfer.Settings(
                // Only types that every client can show: what comes back is kept for all of them.
                requestHeaders: ["Accept: image/*", "Accept-Encoding: identity"],
                keptFields: OriginResponse.fieldNames,
                certificateAuthorities: settings.certificateAuthorityFile,
                userAgent: userAgent))
    }

    /// Makes ready what the first fetch would need; nil, or why no image can be fetched.
    func prepare() -> String? {
        do { try CurlTransfer.prepare() } catch { return "\(error)" }
        return nil
    }

    /// Fetches `source`, which has been authorized, into `sink`. Every redirect is authorized again, and every address
    /// is judged when it is dialled. `holdBack` bytes of a body of unknown length are kept until its end is seen.
    func fetch(
        _ source: SourceURL, into sink: any ImageSink, for request: any GatewayRequest, holdBack: Int
    ) throws(ProxyError) -> FetchTimings {
        let start = ContinuousClock.now
        let limits = CurlTransfer.Limits(
            connect: settings.connectTimeout, firstByteBy: start + settings.firstByteTimeout,
            stall: settings.stallTimeout, totalBy: start + settings.totalTimeout)
        var timings = FetchTimings()
        var hop = source
        for _ in 0...settings.maximumRedirects {
            let stream = ImageStream(
                into: sink, addresses: policy.addresses, limit: settings.maximumImageSize.bytes, holdBack: holdBack,
                servesSVG: servesSVG, isAbandoned: { request.isPeerGone })
            let reference = try perform(hop, stream, limits, request, &timings)
            guard let reference else { return timings }
            hop = try follow(reference, from: hop)
        }
        throw .upstream(.tooManyRedirects)
    }

    /// One hop. Returns the reference of a redirect, or nil when the image has been delivered.
    private func perform(
        _ hop: SourceURL, _ stream: ImageStream, _ limits: CurlTransfer.Limits, _ request: any GatewayRequest,
        _ timings: inout FetchTimings
    ) throws(ProxyError) -> String? {
        let result = Result { () throws(CurlError) in
            try transfers.withTransfer(to: hop.origin) { (transfer) throws(CurlError) in
                defer { timings.add(transfer.timings) }
                try transfer.perform(hop.text, limits: limits, watching: request.watchedDescriptor, for: stream)
            }
        }
        if let failure = stream.failure { throw failure }
        if let reference = stream.redirect { return reference }
        if stream.isSatisfied { return nil }
        if case .failure(let error) = result { throw ProxyError(error) }
        try stream.end()
        return nil
    }

    private func follow(_ reference: String, from hop: SourceURL) throws(ProxyError) -> SourceURL {
        let next: SourceURL
        do {
            next = try hop.resolving(reference: reference)
        } catch {
            guard let denial = error.denial else { throw .upstream(.badRedirect) }
            throw .sourceDenied(reason: "redirect-\(denial.reason)")
        }
        do { try policy.authorize(next) } catch { throw .sourceDenied(reason: "redirect-\(error.reason)") }
        return next
    }
}

/// Where the time of a fetch went, over all its hops.
struct FetchTimings {
    var nameLookup = Duration.zero
    var connect = Duration.zero
    var tls = Duration.zero
    var firstByte = Duration.zero

    mutating func add(_ hop: CurlTransfer.Timings) {
        nameLookup += hop.nameLookup
        connect += hop.connect
        tls += hop.tls
        firstByte += hop.firstByte
    }
}

extension ProxyError {
    init(_ error: CurlError) {
        switch error {
        case .connectionFailed(refusedByPolicy: true): self = .sourceDenied(reason: SourceDenial.address.reason)
        case .connectionFailed: self = .upstream(.unreachable)
        case .nameNotResolved: self = .upstream(.nameNotResolved)
        case .tls: self = .upstream(.untrustedCertificate)
        case .timedOut: self = .upstream(.timedOut)
        case .brokenResponse, .stopped: self = .upstream(.broken)
        case .abandoned: self = .clientGone
        case .outOfDescriptors: self = .overloaded
        case .unavailable: self = .upstream(.unavailable)
        }
    }
}
