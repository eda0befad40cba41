/// A string in a JSON text (RFC 8259, section 7), where it stands. Its escapes are well-formed and its bytes are UTF-8.
public struct JSONString: Equatable, Sendable {
    /// What is between the quotes.
    public let range: Range<Int>
    /// Whether that is not yet what is meant.
    public let hasEscapes: Bool

    /// Reads the string whose opening quote is at `quote`.
    init(at quote: Int, in text: Span<UInt8>) throws(JSONError) {
        let start = quote + 1
        var index = start
        var hasEscapes = false
        var isASCII = true
        while index < text.count {
            let byte = text[index]
            if byte == UInt8(ascii: "\"") { break }
            guard byte >= 0x20 else { throw .malformed }
            if byte == UInt8(ascii: "\\") {
                hasEscapes = true
                index += try Self.escapeLength(at: index, in: text)
            } else {
                if byte >= 0x80 { isASCII = false }
                index += 1
            }
        }
        guard index < text.count else { throw .truncated }
        range = start..<index
        self.hasEscapes = hasEscapes
        guard isASCII || Self.isUTF8(text.extracting(range)) else { throw .invalidUTF8 }
    }

    /// The string that is meant, as UTF-8; nil when an escape is half of a surrogate pair, which no UTF-8 can say.
    public func bytes(in text: Span<UInt8>) -> [UInt8]? {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(range.count)
        let isWhole = forEachByte(in: text) { byte in
            bytes.append(byte)
            return true
        }
        return isWhole ? bytes : nil
    }

    /// The string that is meant; nil when an escape is half of a surrogate pair.
    public func string(in text: Span<UInt8>) -> String? {
        if hasEscapes { return bytes(in: text).map { String(decoding: $0, as: UTF8.self) } }
        guard let characters = try? UTF8Span(validating: text.extracting(range)) else { return nil }
        return String(copying: characters)
    }

    /// Whether the string that is meant is `other`.
    public func equals(_ other: String, in text: Span<UInt8>) -> Bool {
        // An escape is at most six times as long as what it means.
        guard range.count <= 6 * other.utf8.count else { return false }
        if !hasEscapes {
            guard range.count == other.utf8.count else { return false }
            let other = other.utf8Span.span
            return other.indices.allSatisfy { text[range.lowerBound + $0] == other[$0] }
        }
        var rest = other.utf8.makeIterator()
        return forEachByte(in: text) { $0 == rest.next() } && rest.next() == nil
    }

    /// Hands out the UTF-8 of what is meant for as long as `body` wants more; says whether that was all of it.
    private func forEachByte(in text: Span<UInt8>, _ body: (UInt8) -> Bool) -> Bool {
        var index = range.lowerBound
        while index < range.upperBound {
            let byte = text[index]
            if byte != UInt8(ascii: "\\") {
                guard body(byte) else { return false }
                index += 1
            } else {
                guard let escape = Self.escape(at: index, in: text), let bytes = UTF8.encode(escape.scalar),
                    bytes.allSatisfy(body)
                else { return false }
                index += escape.length
            }
        }
        return true
    }

    private static func isUTF8(_ bytes: Span<UInt8>) -> Bool { (try? UTF8Span(validating: bytes)) != nil }

    private static func escapeLength(at index: Int, in text: Span<UInt8>) throws(JSONError) -> Int {
        guard index + 1 < text.count else { throw .truncated }
        if text[index + 1] != UInt8(ascii: "u") {
            guard shortEscape(text[index + 1]) != nil else { throw .malformed }
            return 2
        }
        for digit in index + 2..<index + 6 {
            guard digit < text.count else { throw .truncated }
            guard hexadecimal(text[digit]) != nil else { throw .malformed }
        }
        return 6
    }

    /// What the well-formed escape at `index` means, and how long it is, two for a surrogate pair.
    private static func escape(at index: Int, in text: Span<UInt8>) -> (scalar: UnicodeScalar, length: Int)? {
        if let byte = shortEscape(text[index + 1]) { return (UnicodeScalar(byte), 2) }
        let unit = codeUnit(at: index, in: text)
        if !UTF16.isSurrogate(unit) { return UnicodeScalar(unit).map { ($0, 6) } }
        let next = index + 6
        guard UTF16.isLeadSurrogate(unit), next + 1 < text.count, text[next] == UInt8(ascii: "\\"),
            text[next + 1] == UInt8(ascii: "u")
        else { return nil }
        let trail = codeUnit(at: next, in: text)
        guard UTF16.isTrailSurrogate(trail) else { return nil }
        let value = 0x10000 + (UInt32(unit & 0x3ff) << 10 | UInt32(trail & 0x3ff))
        return UnicodeScalar(value).map { ($0, 12) }
    }

    private static func codeUnit(at escape: Int, in text: Span<UInt8>) -> UInt16 {
        (escape + 2..<escape + 6).reduce(0) { $0 << 4 | (hexadecimal(text[$1]) ?? 0) }
    }

    private static func shortEscape(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): byte
        case UInt8(ascii: "b"): 0x08
        case UInt8(ascii: "t"): 0x09
        case UInt8(ascii: "n"): 0x0a
        case UInt8(ascii: "f"): 0x0c
        case UInt8(ascii: "r"): 0x0d
        default: nil
        }
    }

    private static func hexadecimal(_ byte: UInt8) -> UInt16? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt16(byte - UInt8(ascii: "0"))
        case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt16(byte - UInt8(ascii: "a")) + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt16(byte - UInt8(ascii: "A")) + 10
        default: nil
        }
    }
}
