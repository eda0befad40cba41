/// The Cache-Status field (RFC 9211) of our responses.
public enum CacheStatus: Equatable, Sendable {
    case hit
    /// The request went to the origin; `isStored` when the response will be kept, as far as that is known.
    case forwarded(Forward, isStored: Bool)
    /// The cache was not asked: an error came before it, or the endpoint has none.
    case none

    /// Why a request went forward (RFC 9211, 2.2).
    public enum Forward: String, Sendable {
        case uriMiss = "uri-miss"
        case stale
        case bypass
    }

    /// The field's value.
    public var fieldValue: String {
        switch self {
        case .hit: "image-proxy; hit"
        case .forwarded(let reason, let isStored): "image-proxy; fwd=\(reason.rawValue)" + (isStored ? "; stored" : "")
        case .none: "image-proxy; fwd=bypass"
        }
    }

    /// One word for the access log.
    public var logValue: String {
        switch self {
        case .hit: "hit"
        case .forwarded(.uriMiss, _): "miss"
        case .forwarded(let reason, _): reason.rawValue
        case .none: "none"
        }
    }
}
