/// The directives of a response's Cache-Control field that a shared cache acts on (RFC 9111, 5.2.2; RFC 5861).
///
/// Of two readings the one that caches less counts: the smaller of two numbers, 0 for what is no number (RFC 9111,
/// 4.2.1), and the whole response where `no-cache` or `private` names single fields (5.2.2.4, 5.2.2.7).
public struct CacheControl: Equatable, Sendable {
    public private(set) var noStore = false
    public private(set) var noCache = false
    public private(set) var isPrivate = false
    public private(set) var isPublic = false
    public private(set) var mustRevalidate = false
    public private(set) var proxyRevalidate = false
    public private(set) var immutable = false
    /// Seconds, like those that follow; nil where the directive is missing.
    public private(set) var maxAge: Int?
    public private(set) var sMaxAge: Int?
    public private(set) var staleWhileRevalidate: Int?
    public private(set) var staleIfError: Int?

    /// Reads the values of all Cache-Control lines of a message.
    public init(_ values: [String]) {
        for value in values {
            for member in FieldMembers(value) { take(member) }
        }
    }

    /// Whether a shared cache must not use the response once it is stale, whatever else is said (RFC 9111, 4.2.4).
    var forbidsStale: Bool { noCache || mustRevalidate || proxyRevalidate }

    private mutating func take(_ directive: ArraySlice<UInt8>) {
        let equals = directive.firstIndex(of: UInt8(ascii: "=")) ?? directive.endIndex
        let name = FieldText.trimmed(directive[..<equals])
        // The grammar has no white space around the sign: with it there is a directive, but no number.
        let argument = name.endIndex == equals ? directive[equals...].dropFirst() : []
        switch FieldText.lowercased(name) {
        case "no-store": noStore = true
        case "no-cache": noCache = true
        case "private": isPrivate = true
        case "public": isPublic = true
        case "must-revalidate": mustRevalidate = true
        case "proxy-revalidate": proxyRevalidate = true
        case "immutable": immutable = true
        case "max-age": maxAge = Self.smaller(maxAge, argument)
        case "s-maxage": sMaxAge = Self.smaller(sMaxAge, argument)
        case "stale-while-revalidate": staleWhileRevalidate = Self.smaller(staleWhileRevalidate, argument)
        case "stale-if-error": staleIfError = Self.smaller(staleIfError, argument)
        default: break
        }
    }

    private static func smaller(_ known: Int?, _ argument: ArraySlice<UInt8>) -> Int {
        let seconds = FieldText.deltaSeconds(unquoted(argument)) ?? 0
        return min(known ?? seconds, seconds)
    }

    /// A recipient takes both forms of an argument (RFC 9111, 5.2). Escapes have no place in a number.
    private static func unquoted(_ argument: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        let quote = UInt8(ascii: "\"")
        let isQuoted = argument.count >= 2 && argument.first == quote && argument.last == quote
        return isQuoted ? argument.dropFirst().dropLast() : argument
    }
}
