/// Every way in which a request can fail, with what the client is told of it.
///
/// The text for the client is fixed: no address, no word of the origin, not the rule that fired. `reason` is one of a
/// closed set, for logs and metrics.
public enum ProxyError: Error, Equatable, Sendable {
    case badRequest(reason: String)
    case methodNotAllowed
    case notFound
    /// The source is not one that may be fetched, in the request or at a redirect.
    case sourceDenied(reason: String)
    /// The caller may not see this endpoint.
    case forbidden
    case upstream(UpstreamFailure)
    case overloaded
    /// The counters of other processes were asked for, and cannot be had.
    case countsUnavailable
    /// The client has left; there is nobody to tell.
    case clientGone

    public var status: Int {
        switch self {
        case .badRequest: 400
        case .sourceDenied, .forbidden: 403
        case .notFound: 404
        case .methodNotAllowed: 405
        case .upstream(let failure): failure.status
        case .overloaded, .countsUnavailable: 503
        // nginx's number for it, in logs only.
        case .clientGone: 499
        }
    }

    /// RFC 9457, 3.1.3: a short summary that does not change from occurrence to occurrence.
    public var publicMessage: String {
        switch self {
        case .badRequest("unsupportedOption"): "The URL asks for a change of the image that is not made here."
        case .badRequest: "The url parameter is missing or is no absolute http or https URL."
        case .sourceDenied: "This source is not allowed."
        case .forbidden: "This endpoint is not open to you."
        case .notFound: "There is no such endpoint."
        case .methodNotAllowed: "Only GET and HEAD are answered here."
        case .upstream(let failure): failure.publicMessage
        case .overloaded: "Too many requests wait for an answer. Try again soon."
        case .countsUnavailable: "The cache, where the counters of all processes are, does not answer."
        case .clientGone: "The client has left."
        }
    }

    public var reason: String {
        switch self {
        case .badRequest(let reason): "bad-request.\(reason)"
        case .sourceDenied(let reason): "denied.\(reason)"
        case .forbidden: "forbidden"
        case .notFound: "not-found"
        case .methodNotAllowed: "method"
        case .upstream(let failure): "upstream.\(failure.reason)"
        case .overloaded: "overloaded"
        case .countsUnavailable: "counts-unavailable"
        case .clientGone: "client-gone"
        }
    }
}

/// What an origin can do wrong, or tell us.
public enum UpstreamFailure: Error, Equatable, Sendable {
    /// The origin says that there is no such image: 404 or 410.
    case missing(status: Int)
    /// Any other status that brings no image.
    case status(Int)
    case nameNotResolved, unreachable, untrustedCertificate, broken
    case timedOut
    case notAnImage, encoded, tooLarge
    case tooManyRedirects, badRedirect
    /// No transfer could be made at all.
    case unavailable

    public var status: Int {
        switch self {
        case .missing(let status): status
        case .timedOut: 504
        default: 502
        }
    }

    public var publicMessage: String {
        switch self {
        case .missing: "The origin has no such image."
        case .timedOut: "The origin took too long."
        case .notAnImage, .encoded: "The origin sent no image that can be served."
        case .tooLarge: "The image is too large."
        case .tooManyRedirects, .badRedirect: "The origin redirects to nowhere."
        case .status, .nameNotResolved, .unreachable, .untrustedCertificate, .broken, .unavailable:
            "The origin could not be read."
        }
    }

    public var reason: String {
        switch self {
        case .missing(let status): "status-\(status)"
        case .status(let status): "status-\(status / 100)xx"
        case .nameNotResolved: "name-not-resolved"
        case .unreachable: "unreachable"
        case .untrustedCertificate: "certificate"
        case .broken: "broken-response"
        case .timedOut: "timed-out"
        case .notAnImage: "not-an-image"
        case .encoded: "content-encoding"
        case .tooLarge: "too-large"
        case .tooManyRedirects: "too-many-redirects"
        case .badRedirect: "bad-redirect"
        case .unavailable: "unavailable"
        }
    }
}
