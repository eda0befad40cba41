// How QUERY_STRING is read, and why.
//
// nginx, Apache and CGI pass it as the client sent it; lighttpd normalises it (unreserved escapes decoded, others in
// upper case, raw bytes escaped). Nothing may therefore depend on how a value is escaped: values are percent-decoded, once,
// and only the decoded value is used.
//
// A plus sign is a space in what form encoders write (URLSearchParams, urlencode) and a plus in what
// encodeURIComponent, or nobody, encoded. Form encoders escape every colon, so a colon in the clear proves that none was at
// work: in `url=https://h/a+b.png` the plus is kept, in `url=https%3A%2F%2Fh%2Fa+b.png` it is the space it was made from.
//
// Parameters that nobody asks for are not even decoded: they vary nothing. That an un-encoded URL ends at its first `&` is
// what every reader of query strings does; its tail is such a parameter.

/// A query string of `name=value` pairs, bounded, and decoded pair by pair when asked.
public struct QueryString: Sendable {
    /// The most bytes that are read: a URL of the greatest length with every byte escaped, and some parameters.
    public static let maximumLength = 24 * 1024

    private let bytes: [UInt8]

    /// Takes a raw query string, without its question mark.
    public init(_ text: String) throws(QueryStringError) {
        guard text.utf8.count <= Self.maximumLength else { throw .tooLong }
        bytes = Array(text.utf8)
    }

    /// The decoded value of the one parameter `name`, which may itself be written with escapes; nil when there is none.
    public func value(of name: String) throws(QueryStringError) -> String? {
        var found: ArraySlice<UInt8>?
        var rest = bytes[...]
        while !rest.isEmpty {
            let pair = rest.prefix { $0 != UInt8(ascii: "&") }
            rest = rest[pair.endIndex...].dropFirst()
            let equals = pair.firstIndex(of: UInt8(ascii: "=")) ?? pair.endIndex
            guard !pair.isEmpty, PercentEncoding.means(name, pair[..<equals]) else { continue }
            guard found == nil else { throw .repeated }
            found = pair[equals...].dropFirst()
        }
        guard let found else { return nil }
        return try Self.decode(found)
    }

    /// Whether every parameter has one of `names`, in whatever spelling.
    func holdsOnly(_ names: [String]) -> Bool {
        bytes.split(separator: UInt8(ascii: "&")).allSatisfy { pair in
            let name = pair.prefix { $0 != UInt8(ascii: "=") }
            return names.contains { PercentEncoding.means($0, name) }
        }
    }

    /// The text of a value, or of a URL that came in another wrapping, once it is decoded; nil where it is none.
    static func text(_ decoded: [UInt8]) -> String? {
        guard !decoded.contains(where: { $0 < 0x20 || $0 == 0x7f }),
            let text = String(validating: decoded, as: UTF8.self)
        else { return nil }
        // What a decoder on the way put in the place of bytes that are lost.
        let mayHoldOne = decoded.contains { $0 >= 0x80 }
        return mayHoldOne && text.unicodeScalars.contains("\u{FFFD}") ? nil : text
    }

    private static func decode(_ raw: ArraySlice<UInt8>) throws(QueryStringError) -> String {
        let wasFormEncoded = !raw.contains(UInt8(ascii: ":"))
        guard let decoded = PercentEncoding.decode(raw, plusIsSpace: wasFormEncoded), let text = text(decoded) else {
            throw .malformed
        }
        return text
    }
}

/// Why a query string has no such parameter to offer.
public enum QueryStringError: Error, Sendable, Hashable, CaseIterable {
    /// More than `QueryString.maximumLength` bytes.
    case tooLong
    /// The parameter is there twice, in whatever spelling: two readers could choose differently.
    case repeated
    /// The value has a broken escape, a control character, or is not UTF-8.
    case malformed
}
