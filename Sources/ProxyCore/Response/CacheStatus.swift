/// The Cache-Status field (RFC 9211) of our responses: what the cache did, and with what it did it.
public struct CacheStatus: Equatable, Sendable {
    public var outcome: Outcome
    /// The seconds for which the response stays fresh, less than 0 for a stale one (2.5).
    public var freshnessLeft: Int?
    /// The status of the origin's response, where it is not the one that the client gets (2.3).
    public var forwardStatus: Int?
    /// Whether the response will be kept, as far as that is known.
    public var isStored = false
    /// Whether the request shared a fetch with others (2.6).
    public var isCollapsed = false
    /// The key of the cache; for those who may know it (2.7).
    public var key: String?
    /// A word of ours on what happened (2.8).
    public var detail: String?

    public init(_ outcome: Outcome) { self.outcome = outcome }

    public enum Outcome: Equatable, Sendable {
        case hit
        /// The request went to the origin.
        case forwarded(Forward)
        /// The cache was not asked: an error came before it, or the endpoint has none.
        case none
    }

    /// Why a request went forward (RFC 9211, 2.2).
    public enum Forward: String, Sendable, CaseIterable {
        case uriMiss = "uri-miss"
        /// Nothing fitted, and it is not known which part of the key did not.
        case miss
        case stale
        /// The client would have it so.
        case request
        case bypass
    }

    public static let hit = CacheStatus(.hit)
    public static let none = CacheStatus(.none)

    public static func hit(freshnessLeft: Int) -> CacheStatus {
        var status = CacheStatus.hit
        status.freshnessLeft = freshnessLeft
        return status
    }

    public static func forwarded(
        _ reason: Forward, status forwardStatus: Int? = nil, isStored: Bool = false, isCollapsed: Bool = false
    ) -> CacheStatus {
        var status = CacheStatus(.forwarded(reason))
        status.forwardStatus = forwardStatus
        status.isStored = isStored
        status.isCollapsed = isCollapsed
        return status
    }
}

extension CacheStatus {
    /// A longer key or detail is cut: web servers give a head a few KiB in all.
    static let maximumStringLength = 512

    /// The field's value: one member of the list that caches on the way of a response append to.
    public var fieldValue: String {
        var value = "image-proxy"
        switch outcome {
        case .hit: value += "; hit"
        case .forwarded(let reason): value += "; fwd=\(reason.rawValue)"
        case .none: value += "; fwd=bypass"
        }
        if let forwardStatus { value += "; fwd-status=\(Self.integer(forwardStatus))" }
        if isStored { value += "; stored" }
        if isCollapsed { value += "; collapsed" }
        if let freshnessLeft { value += "; ttl=\(Self.integer(freshnessLeft))" }
        if let key { value += "; key=\(Self.string(key))" }
        if let detail { value += "; detail=" + (Self.isToken(detail) ? detail : Self.string(detail)) }
        return value
    }

    /// One word for the access log.
    public var logValue: String {
        switch outcome {
        case .hit: "hit"
        case .forwarded(.uriMiss), .forwarded(.miss): "miss"
        case .forwarded(let reason): reason.rawValue
        case .none: "none"
        }
    }

    /// RFC 9651, 3.3.1: an integer has 15 digits at most.
    private static func integer(_ number: Int) -> Int { min(max(number, -999_999_999_999_999), 999_999_999_999_999) }

    /// RFC 9651, 3.3.3: a string is of visible ASCII and spaces. What is not is percent-encoded, as a URL has it.
    private static func string(_ text: String) -> String {
        var string = "\""
        for byte in text.utf8.prefix(maximumStringLength) {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): string += "\\" + String(UnicodeScalar(byte))
            case 0x20...0x7e: string.unicodeScalars.append(UnicodeScalar(byte))
            default: string += (byte < 0x10 ? "%0" : "%") + String(byte, radix: 16, uppercase: true)
            }
        }
        return string + "\""
    }

    /// RFC 9651, 3.3.4
    private static func isToken(_ text: String) -> Bool {
        guard let first = text.utf8.first, text.utf8.count <= maximumStringLength,
            URIText.isLetter(first) || first == UInt8(ascii: "*")
        else { return false }
        return text.utf8.allSatisfy { URIText.isLetterOrDigit($0) || tokenPunctuation.contains($0) }
    }

    private static let tokenPunctuation = Array("!#$%&'*+-.^_`|~:/".utf8)
}
