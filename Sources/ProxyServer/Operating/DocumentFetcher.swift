internal import Curl
public import ProxyCore

/// Fetches sitemaps and pages, within the policy for images: the host that the operator names is allowed beside those of
/// the configuration, and addresses are judged as ever. What a sitemap refers to was chosen by somebody else.
public struct DocumentFetcher: Sendable {
    private let policy: SourcePolicy
    private let settings: Configuration.Fetch

    /// A sitemap has up to 50 MB (sitemaps.org).
    public static let maximumLength = 64 << 20

    public struct Document: Sendable {
        public let bytes: [UInt8]
        /// Where it was at last.
        public let url: SourceURL
    }

    public init(_ configuration: Configuration, naming host: SourceURL.Host?) {
        let usual = SourcePolicy(configuration.source, isSigned: configuration.signing.isRequired)
        policy = SourcePolicy(
            hosts: HostList(usual.hosts.patterns + (host.map { [.exactly($0)] } ?? [])),
            ports: configuration.source.allowedPorts,
            allowedNetworks: configuration.source.allowedNetworks.compactMap { AllowedNetwork($0) })
        settings = configuration.fetch
    }

    /// What a server answers that the operator has named, at whatever address. Redirects are not followed.
    public static func ask(_ url: SourceURL, _ settings: Configuration.Fetch) throws(ProxyError) -> [UInt8] {
        let reception = DocumentReception(nil)
        do {
            try CurlTransfer(transferSettings(settings)).perform(url.text, limits: limits(settings), for: reception)
        } catch {
            throw reception.failure ?? ProxyError(error)
        }
        if let failure = reception.failure { throw failure }
        guard reception.redirect == nil else { throw .upstream(.badRedirect) }
        return reception.bytes
    }

    /// Fetches a document whole.
    public func fetch(_ url: SourceURL) throws(ProxyError) -> Document {
        let limits = Self.limits(settings)
        var hop = url
        for _ in 0...settings.maximumRedirects {
            do { try policy.authorize(hop) } catch { throw .sourceDenied(reason: error.reason) }
            let reception = DocumentReception(policy.addresses)
            do {
                try CurlTransfer(Self.transferSettings(settings)).perform(hop.text, limits: limits, for: reception)
            } catch {
                // A redirect is enough; what it says besides is not read.
                if reception.redirect == nil { throw reception.failure ?? ProxyError(error) }
            }
            if let failure = reception.failure { throw failure }
            guard let reference = reception.redirect else { return Document(bytes: reception.bytes, url: hop) }
            do { hop = try hop.resolving(reference: reference) } catch { throw .upstream(.badRedirect) }
        }
        throw .upstream(.tooManyRedirects)
    }

    private static func limits(_ settings: Configuration.Fetch) -> CurlTransfer.Limits {
        let start = ContinuousClock.now
        return CurlTransfer.Limits(
            connect: settings.connectTimeout, firstByteBy: start + settings.firstByteTimeout,
            stall: settings.stallTimeout, totalBy: start + settings.totalTimeout)
    }

    private static func transferSettings(_ settings: Configuration.Fetch) -> CurlTransfer.Settings {
        CurlTransfer.Settings(
            requestHeaders: [
                "Accept: text/html, application/xml, text/xml, text/plain, application/json",
                "Accept-Encoding: identity",
            ],
            keptFields: OriginResponse.fieldNames, certificateAuthorities: settings.certificateAuthorityFile,
            userAgent: "image-proxy/\(ProgramVersion.text)")
    }
}

/// Takes one response of a server that has a document.
private final class DocumentReception: CurlTransferDelegate {
    /// Nil where any address will do.
    private let addresses: AddressPolicy?
    private(set) var bytes: [UInt8] = []
    private(set) var redirect: String?
    private(set) var failure: ProxyError?

    init(_ addresses: AddressPolicy?) { self.addresses = addresses }

    func admits(_ peer: CurlPeer) -> Bool {
        guard let addresses else { return true }
        return IPAddress(bytes: peer.address).map { addresses.admits($0, port: peer.port) } ?? false
    }

    func received(head: CurlResponseHead) -> Bool {
        do {
            if case .redirect(let reference) = try OriginResponse(status: head.status, values: head.values) {
                redirect = reference
            }
            return redirect == nil
        } catch {
            failure = .upstream(error)
            return false
        }
    }

    func received(body: RawSpan) -> Bool {
        guard body.byteCount <= DocumentFetcher.maximumLength - bytes.count else {
            failure = .upstream(.tooLarge)
            return false
        }
        bytes.append(body)
        return true
    }

    func paused() {}
    var attention: Duration? { nil }
    func isAbandoned() -> Bool { false }
}
