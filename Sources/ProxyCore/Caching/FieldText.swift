/// What the values of header fields are made of (RFC 9110, 5.6), on bytes.
enum FieldText {
    /// The most seconds that are told apart (RFC 9111, 1.2.2): a longer time is this long.
    static let maximumDeltaSeconds = 1 << 31

    /// The text without the white space around it (RFC 9110, 5.6.3).
    static func trimmed(_ text: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        let start = text.firstIndex { !isSpace($0) } ?? text.endIndex
        let end = text.lastIndex { !isSpace($0) }.map { $0 + 1 } ?? text.endIndex
        return text[start..<end]
    }

    /// A number of seconds (RFC 9111, 1.2.2); nil when it is anything but digits.
    static func deltaSeconds(_ text: ArraySlice<UInt8>) -> Int? {
        guard !text.isEmpty, text.allSatisfy(URIText.isDigit) else { return nil }
        return text.reduce(0) { min(maximumDeltaSeconds, $0 * 10 + Int($1 - UInt8(ascii: "0"))) }
    }

    /// The text in ASCII lower case.
    static func lowercased(_ text: ArraySlice<UInt8>) -> String {
        String(decoding: text.map(URIText.lowercased), as: UTF8.self)
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }
}

/// The members of a comma-separated field value (RFC 9110, 5.6.1), without the white space around them and without the
/// empty ones. A comma between quotes separates nothing.
struct FieldMembers: Sequence, IteratorProtocol {
    /// What a backslash between quotes is.
    enum Quoting {
        /// It takes the meaning from the next character (RFC 9110, 5.6.4).
        case quotedString
        /// A character like others (RFC 9110, 8.8.3).
        case entityTag
    }

    private var rest: ArraySlice<UInt8>
    private let quoting: Quoting
    private var hasOpenQuote = false

    init(_ value: String, _ quoting: Quoting = .quotedString) {
        rest = Array(value.utf8)[...]
        self.quoting = quoting
    }

    mutating func next() -> ArraySlice<UInt8>? {
        while !rest.isEmpty {
            let member = FieldText.trimmed(take())
            if !member.isEmpty { return member }
        }
        return nil
    }

    private mutating func take() -> ArraySlice<UInt8> {
        var index = rest.startIndex
        while index < rest.endIndex, rest[index] != UInt8(ascii: ",") {
            index = rest[index] == UInt8(ascii: "\"") ? behindQuote(at: index) : index + 1
        }
        defer { rest = rest[index...].dropFirst() }
        return rest[..<index]
    }

    /// A quote that nothing closes is a character like others: it must not hide the `no-store` behind it. One such quote
    /// ends the search for all that follow, or else hostile text would have it repeated from each of them.
    private mutating func behindQuote(at quote: Int) -> Int {
        var index = quote + 1
        while !hasOpenQuote, index < rest.endIndex {
            switch rest[index] {
            case UInt8(ascii: "\""): return index + 1
            case UInt8(ascii: "\\") where quoting == .quotedString: index += 2
            default: index += 1
            }
        }
        hasOpenQuote = true
        return quote + 1
    }
}
