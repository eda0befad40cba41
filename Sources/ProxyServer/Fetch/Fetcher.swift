internal import Curl
import ProxyCore
import Synchronization

/// The head of an image that is about to arrive.
struct ImageArrival {
    let type: MediaType
    /// What the origin announced, or what was held back when it has come to its end already.
    let length: Int?
    /// The origin's status and the fields that say for how long the image may be kept.
    let status: Int
    let fields: OriginFields
    /// Unix milliseconds.
    let requestedAt: Int64
    let receivedAt: Int64
    /// Where the time until then went, over all hops.
    let timings: FetchTimings
    /// Whether the end of the body may be a cut that nobody can tell: over TLS and with neither a length nor chunks, where
    /// libcurl takes any end of the connection for that of the body (RFC 9112, 9.8).
    let isEndUncertain: Bool

    /// Whether the image may be stored.
    func judged(by freshness: FreshnessPolicy) -> Storability {
        guard !isEndUncertain else { return .notStorable(reason: .uncertainEnd) }
        return freshness.judge(fields, requestedAt: requestedAt, receivedAt: receivedAt)
    }
}

/// Takes an image as it arrives. Called on the thread of the fetch.
protocol ImageSink: AnyObject {
    /// The type is known, and nothing was written yet. False when the body is not wanted.
    func begin(_ arrival: ImageArrival) throws(ProxyError) -> Bool
    /// The next bytes, valid during the call.
    func write(_ bytes: RawSpan) throws(ProxyError)
    /// Nothing more has arrived for now: what was gathered is to go out.
    func flush() throws(ProxyError)
    /// How soon `flush` is to be called again although nothing arrives; nil is never.
    var attention: Duration? { get }
    /// Whether nobody wants the image any more.
    var isAbandoned: Bool { get }
}

/// How a fetch has ended that has not failed.
enum FetchOutcome {
    /// The sink has the whole image.
    case whole
    /// The sink wanted the head alone, and has it.
    case headOnly
    /// What was asked about is still valid (RFC 9110, 15.4.5).
    case notModified(OriginFields, requestedAt: Int64, receivedAt: Int64)
}

/// Fetches one image from its origin: redirect hops, limits, and what libcurl's errors mean to a client.
final class Fetcher: Sendable {
    private let policy: SourcePolicy
    private let settings: Configuration.Fetch
    private let servesSVG: Bool
    private let transfers: TransferPool
    private let origins = Mutex(OriginBreakers())
    private let clock: WallClock

    init(
        policy: SourcePolicy, settings: Configuration.Fetch, servesSVG: Bool, userAgent: String,
        clock: @escaping WallClock = systemClock
    ) {
        self.policy = policy
        self.settings = settings
        self.servesSVG = servesSVG
        self.clock = clock
        transfers = TransferPool(Self.transferSettings(settings, userAgent: userAgent))
    }

    static func transferSettings(_ settings: Configuration.Fetch, userAgent: String) -> CurlTransfer.Settings {
        CurlTransfer.Settings(
            // Only types that every client can show: what comes back is kept for all of them.
            requestHeaders: ["Accept: image/*", "Accept-Encoding: identity"],
            keptFields: OriginResponse.fieldNames,
            certificateAuthorities: settings.certificateAuthorityFile,
            userAgent: userAgent)
    }

    /// Makes ready what the first fetch would need; nil, or why no image can be fetched.
    func prepare() -> String? {
        do { try CurlTransfer.prepare() } catch { return "\(error)" }
        return nil
    }

    /// Fetches `source`, which has been authorized, into `sink`. Every redirect is authorized again, and every address
    /// is judged when it is dialled. With `validators` the origin is asked whether the image has changed. `watched` becomes
    /// readable when the sink may be abandoned. `admission` has let the fetch begin, and says whether it may follow a
    /// redirect to another origin.
    func fetch(
        _ source: SourceURL, validators: Validators? = nil, into sink: any ImageSink, holdBack: HoldBack,
        watching watched: Int32?, admission: FetchAdmission,
        timings: inout FetchTimings
    ) throws(ProxyError) -> FetchOutcome {
        let start = ContinuousClock.now
        let limits = CurlTransfer.Limits(
            connect: settings.connectTimeout, firstByteBy: start + settings.firstByteTimeout,
            stall: settings.stallTimeout, totalBy: start + settings.totalTimeout)
        var hop = source
        for _ in 0...settings.maximumRedirects {
            let stream = ImageStream(
                into: sink, addresses: policy.addresses, limit: settings.maximumImageSize.bytes, holdBack: holdBack,
                servesSVG: servesSVG, isSecure: hop.scheme == .https, isConditional: validators != nil,
                earlier: timings, clock: clock)
            try admission.hop(from: source.origin, to: hop.origin) { () throws(ProxyError) in
                try perform(hop, validators?.requestFields ?? [], stream, limits, watched, &timings)
            }
            if let outcome = stream.outcome { return outcome }
            guard let reference = stream.redirect else { throw .upstream(.broken) }
            hop = try follow(reference, from: hop)
        }
        throw .upstream(.tooManyRedirects)
    }

    /// One hop, which ends in an outcome of the stream or in a redirect.
    private func perform(
        _ hop: SourceURL, _ fields: [String], _ stream: ImageStream, _ limits: CurlTransfer.Limits, _ watched: Int32?,
        _ timings: inout FetchTimings
    ) throws(ProxyError) {
        switch origins.withLock({ $0.begin(hop.origin, at: clock()) }) {
        case .admitted: break
        case .isOpen: throw .upstream(.unreachable)
        }
        var failure: ProxyError?
        defer { origins.withLock { $0.end(hop.origin, OriginBreakers.Outcome(failure), at: clock()) } }
        let result = Result { () throws(CurlError) in
            try transfers.withTransfer(to: hop.origin) { (transfer) throws(CurlError) in
                defer { timings.add(transfer.timings) }
                try transfer.perform(hop.text, fields: fields, limits: limits, watching: watched, for: stream)
            }
        }
        do throws(ProxyError) {
            if let failure = stream.failure { throw failure }
            if stream.isEnded { return }
            if case .failure(let error) = result { throw ProxyError(error) }
            try stream.end()
        } catch {
            failure = error
            throw error
        }
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
    init(_ error: ImageRequestError) {
        switch error {
        case .denied(let denial): self = .sourceDenied(reason: denial.reason)
        default: self = .badRequest(reason: "\(error)")
        }
    }

    /// Whether the origin does not answer at all, so that asking it again soon would be in vain.
    var isOriginDown: Bool {
        switch self {
        case .upstream(.unreachable), .upstream(.nameNotResolved), .upstream(.timedOut): true
        default: false
        }
    }

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

extension OriginBreakers.Outcome {
    /// What the end of a hop says about its origin. Its own errors are answers: an origin that has lost one image, or
    /// cannot make it, has others.
    init(_ failure: ProxyError?) {
        switch failure {
        case .some(let error) where error.isOriginDown: self = .failed
        case .clientGone, .sourceDenied, .overloaded: self = .undecided
        default: self = .succeeded
        }
    }
}
