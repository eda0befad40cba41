// The one parser of source URLs. Every decision, the connection and the request line come from the value it makes;
// libcurl is handed `text`, which is put together from the parts that were judged, so that no second parser sees the
// first one's input. It is narrower than browsers are: a spelling that two programs read in two ways is refused.

/// The absolute http or https URL of an image, parsed, normalised and safe to hand on.
public struct SourceURL: Sendable, Hashable {
    /// The schemes that are fetched.
    public enum Scheme: String, Sendable, Hashable, CaseIterable {
        case http, https

        /// The port of a URL that names none.
        public var defaultPort: UInt16 {
            switch self {
            case .http: 80
            case .https: 443
            }
        }
    }

    /// The most bytes a URL may have, as it is given and as it is rebuilt: what RFC 9110, 4.1 asks everyone to support.
    public static let maximumLength = 8000

    /// How the origin is spoken to.
    public let scheme: Scheme
    /// Who is spoken to.
    public let host: Host
    /// The port, the scheme's own where the URL names none. Never 0.
    public let port: UInt16
    /// The request target: an absolute path without dot segments, and the query if there is one. Only URI characters.
    public let pathAndQuery: String

    /// Parses an absolute URL.
    ///
    /// Path and query stay as they are where RFC 3986 allows that. What it does not allow and people still write (space,
    /// UTF-8, brackets, braces, a bare `%`) is percent-encoded; escapes are never decoded. Dot segments are removed, as
    /// browsers and libcurl do, so that the URL that is judged and keyed is the one that is requested; `%2e` is left to the
    /// origin, as every escape is. The fragment is dropped: it never goes to an origin.
    public init(_ text: String) throws(SourceURLError) {
        try self.init(reference: Self.referenceBytes(text))
    }

    init(reference: ArraySlice<UInt8>) throws(SourceURLError) {
        guard let colon = Self.endOfScheme(reference) else { throw .notAbsolute }
        let name = reference[..<colon]
        guard let scheme = Scheme.allCases.first(where: { URIText.isWord($0.rawValue, name) }) else { throw .scheme }
        let hierarchy = reference[(colon + 1)...]
        guard hierarchy.starts(with: "//".utf8) else { throw .notAbsolute }
        try self.init(scheme: scheme, afterSlashes: hierarchy.dropFirst(2))
    }

    /// The authority and what follows it.
    init(scheme: Scheme, afterSlashes text: ArraySlice<UInt8>) throws(SourceURLError) {
        let end = text.firstIndex { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "?") } ?? text.endIndex
        let (host, port) = try Self.hostAndPort(text[..<end])
        try self.init(scheme: scheme, host: host, port: port ?? scheme.defaultPort, target: text[end...])
    }

    init(scheme: Scheme, host: Host, port: UInt16, target: ArraySlice<UInt8>) throws(SourceURLError) {
        let queryStart = target.firstIndex(of: UInt8(ascii: "?")) ?? target.endIndex
        let path = PercentEncoding.encode(
            Self.removingDotSegments(target[..<queryStart])[...], keeping: URIText.isPathCharacter)
        let query = PercentEncoding.encode(target[queryStart...], keeping: URIText.isQueryCharacter)
        self.scheme = scheme
        self.host = host
        self.port = port
        self.pathAndQuery = String(decoding: path + query, as: UTF8.self)
        // Not before it is near does it matter how long exactly it is.
        let isShort = pathAndQuery.utf8.count <= Self.maximumLength - Self.longestBeginning
        guard isShort || text.utf8.count <= Self.maximumLength else { throw .tooLong }
    }

    /// The most bytes of scheme, host and port: `https://`, a name of 253 bytes, a colon and five digits.
    private static let longestBeginning = 8 + 253 + 6

    /// The URL, rebuilt from its parts; the default port is left out. Parses to an equal value.
    public var text: String {
        port == scheme.defaultPort
            ? "\(scheme.rawValue)://\(host)\(pathAndQuery)" : "\(scheme.rawValue)://\(host):\(port)\(pathAndQuery)"
    }

    /// Scheme, host and port, always written out: the key of whatever is kept for each origin.
    public var origin: String { "\(scheme.rawValue)://\(host):\(port)" }
}

extension SourceURL {
    /// The bytes of a URL or a relative reference, without its fragment, once they are known to be bounded and to hold
    /// nothing that some program would strip, cut at, or take for a slash.
    static func referenceBytes(_ text: String) throws(SourceURLError) -> ArraySlice<UInt8> {
        guard text.utf8.count <= maximumLength else { throw .tooLong }
        let bytes = Array(text.utf8)
        guard !bytes.contains(where: { $0 < 0x20 || $0 == 0x7f || $0 == UInt8(ascii: "\\") }) else {
            throw .forbiddenCharacter
        }
        return bytes.prefix { $0 != UInt8(ascii: "#") }
    }

    /// Where the colon of a scheme stands (RFC 3986, 3.1), if the text starts with a scheme.
    static func endOfScheme(_ text: ArraySlice<UInt8>) -> Int? {
        guard let first = text.first, URIText.isLetter(first) else { return nil }
        let end = text.firstIndex { !schemeCharacters.contains($0) }
        guard let end, text[end] == UInt8(ascii: ":") else { return nil }
        return end
    }

    private static let schemeCharacters = ASCIISet(lettersDigitsAnd: "+-.")

    private static func hostAndPort(_ authority: ArraySlice<UInt8>) throws(SourceURLError) -> (Host, UInt16?) {
        guard !authority.contains(UInt8(ascii: "@")) else { throw .userinfo }
        // The colons of an IPv6 address stand before its bracket.
        let addressEnd = authority.firstIndex(of: UInt8(ascii: "]")) ?? authority.startIndex
        let colon = authority[addressEnd...].firstIndex(of: UInt8(ascii: ":")) ?? authority.endIndex
        guard let host = Host(text: authority[..<colon]) else { throw .host }
        guard colon < authority.endIndex else { return (host, nil) }
        guard let port = URIText.port(authority[(colon + 1)...]) else { throw .port }
        return (host, port)
    }
}

/// Why a text is no source URL. `scheme` and `userinfo` are well-formed and denied; the others are malformed.
public enum SourceURLError: Error, Sendable, Hashable, CaseIterable {
    /// More than `SourceURL.maximumLength` bytes, as given or once percent-encoded.
    case tooLong
    /// A control character or a backslash.
    case forbiddenCharacter
    /// No scheme, or no `//` after it.
    case notAbsolute
    /// A scheme that is not fetched.
    case scheme
    /// Anything before an `@` in the authority.
    case userinfo
    /// No host, or one that is neither a DNS name nor a canonical address.
    case host
    /// A port that is empty, no number, out of range, or written with leading zeros.
    case port

    /// What is wrong with the URL, in words for an operator.
    public var meaning: String {
        switch self {
        case .tooLong: "longer than \(SourceURL.maximumLength) bytes"
        case .forbiddenCharacter: "a control character or a backslash"
        case .notAbsolute: "no scheme, or no // behind it"
        case .scheme: "a scheme that is not fetched"
        case .userinfo: "something before an @"
        case .host: "a host that is neither a DNS name nor an address in its canonical form"
        case .port: "a port that is empty, no number, out of range or written with leading zeros"
        }
    }

    /// The denial that this error is, where the URL is well-formed but never allowed.
    public var denial: SourceDenial? {
        switch self {
        case .scheme: .scheme
        case .userinfo: .userinfo
        case .tooLong, .forbiddenCharacter, .notAbsolute, .host, .port: nil
        }
    }
}
