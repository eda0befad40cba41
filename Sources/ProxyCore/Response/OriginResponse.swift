/// What an origin's response head means for us.
public enum OriginResponse: Equatable, Sendable {
    /// A whole representation follows, of `length` bytes where the origin said so.
    case representation(length: Int?)
    /// Another place to ask, as the origin wrote it.
    case redirect(reference: String)
    /// What we have is still good: the answer to a request with our validators.
    case notModified

    /// The fields that are looked at, in lower case, here and as `OriginFields`. No other field of an origin is even kept.
    public static let fieldNames = OriginFields.names.union([
        "content-length", "content-encoding", "transfer-encoding", "location",
    ])

    /// Judges a final response. `values` gives all values of a field, in the order of arrival; `isConditional` says that
    /// the request had a condition, without which a 304 answers nothing.
    public init(
        status: Int, isConditional: Bool = false, values: (_ field: String) -> [String]
    ) throws(UpstreamFailure) {
        switch status {
        case 304 where isConditional: self = .notModified
        case 200, 203: self = .representation(length: try Self.length(values))
        case 301, 302, 303, 307, 308:
            // Two different places are one too many to judge.
            let places = Set(values("location"))
            guard places.count == 1, let reference = places.first else { throw .badRedirect }
            self = .redirect(reference: reference)
        case 404, 410: throw .missing(status: status)
        // 206 would be a part, 204 and a 304 that nobody asked for nothing at all.
        default: throw .status(status)
        }
    }

    private static func length(_ values: (String) -> [String]) throws(UpstreamFailure) -> Int? {
        let codings = values("content-encoding").filter { $0.lowercased() != "identity" && !$0.isEmpty }
        guard codings.isEmpty else { throw .encoded }
        // RFC 9112, 6.1: one that nobody asked for (TE). libcurl may undo it, whatever it grows to.
        let transferCodings = values("transfer-encoding").map { Self.trimmed($0[...]).lowercased() }
        guard transferCodings.isEmpty || transferCodings == ["chunked"] else { throw .encoded }
        // RFC 9112, 6.3: repeated lengths must agree, and a length beside a transfer coding is an attempt at smuggling.
        // libcurl would take the last length in silence.
        let lengths = Set(
            values("content-length").flatMap {
                $0.split(separator: ",", omittingEmptySubsequences: false).map(Self.trimmed)
            })
        guard let first = lengths.first else { return nil }
        guard lengths.count == 1, transferCodings.isEmpty, !first.isEmpty,
            first.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let length = Int(first)
        else { throw .broken }
        return length
    }

    private static func trimmed(_ text: Substring) -> String {
        let isSpace = { (character: Character) in character == " " || character == "\t" }
        let end = text.lastIndex { !isSpace($0) }.map { text.index(after: $0) } ?? text.startIndex
        return String(text[..<end].drop(while: isSpace))
    }
}
