extension ImageRecord {
    /// A record and where its image is. The length of that is right for the record's size; whether a text is base64, the
    /// decoder says.
    public struct Located: Equatable, Sendable {
        public var record: ImageRecord
        public var content: Content
    }

    /// The image in a value.
    public enum Content: Equatable, Sendable {
        /// Where its base64 text stands.
        case text(Range<Int>)
        /// The base64 text itself: in the value it has JSON escapes.
        case unescaped([UInt8])
        /// Where the image itself stands.
        case bytes(Range<Int>)
    }

    /// How much of a value's end `parse(tail:length:)` needs to see, and so the longest closing that is written.
    public static let tailLength = 1024
    /// How much of it nearly always suffices.
    public static let usualTailLength = 320

    private static let names = ["data", "contentType", "size", "cachedAt", "expiresAt"]

    /// Reads a value in memory, at no cost that grows with the image if it is laid out as we write it.
    public static func locate(in value: Span<UInt8>) throws(RecordError) -> Located {
        if opening.count <= value.count, opening.indices.allSatisfy({ value[$0] == opening[$0] }) {
            // All of the tail is looked at, so a short one first: few closings are longer.
            for length in [usualTailLength, tailLength] {
                if let located = parse(tail: value.extracting(last: length), length: value.count) { return located }
            }
        }
        if isRaw(value) { return try parseRaw(tail: value, length: value.count) }
        return try parse(value)
    }

    /// Reads a value of which only the end has been seen: `tail`, the last bytes of `length`.
    ///
    /// Of a JSON text it takes it that it begins with `opening`, and that the data, of which it sees the end at most, holds
    /// neither quote nor escape. The decoder meets both as bytes outside the alphabet: a value whose text decodes is the
    /// very one that was read here. Nil when the layout is another or anything is wrong; `parse(_:)` then knows more.
    public static func parse(tail: Span<UInt8>, length: Int) -> Located? {
        if isRaw(tail) { return try? parseRaw(tail: tail, length: length) }
        let offset = length - tail.count
        guard offset >= 0 else { return nil }
        let dataStart = max(0, opening.count - offset)
        guard dataStart <= tail.count, (0..<dataStart).allSatisfy({ tail[$0] == opening[offset + $0] }) else {
            return nil
        }
        let quote = endOfBase64(tail, from: dataStart)
        guard quote < tail.count, tail[quote] == UInt8(ascii: "\"") else { return nil }
        let scanner = JSONScanner(behindMemberEndingAt: quote + 1)
        let range = opening.count..<(offset + quote)
        guard let fields = try? RecordFields(names, in: tail, from: scanner), fields["data"] == nil,
            let record = try? ImageRecord(fields, textLength: range.count, in: tail)
        else { return nil }
        return Located(record: record, content: .text(range))
    }

    /// Reads a value of which the beginning and the end have been seen, in any layout: `head` and `tail` are the first and
    /// the last bytes of `length`, and what lies between them belongs to the data. Nil when it does not, or anything is
    /// wrong that can be seen.
    public static func parse(head: [UInt8], tail: [UInt8], length: Int) -> ImageRecord? {
        let unseen = length - head.count - tail.count
        guard unseen > 0 else {
            let value = head + tail.dropFirst(-unseen)
            return (try? parse(value.span))?.record
        }
        // An escape that the head breaks off in is the data's, too.
        let escape = head.lastIndex(of: UInt8(ascii: "\\")).flatMap { $0 > head.count - 6 ? $0 : nil }
        let seam = escape ?? head.count
        let seen = head[..<seam] + tail
        guard let fields = try? RecordFields(names, in: seen.span), case .string(let data) = fields["data"],
            data.range.lowerBound <= seam, seam <= data.range.upperBound,
            let record = try? ImageRecord(fields, in: seen.span)
        else { return nil }
        let (textLength, least) = (data.range.count + length - seen.count, Self.textLength(ofSize: record.size))
        let isRight = data.hasEscapes || escape != nil ? textLength >= least : textLength == least
        return isRight ? record : nil
    }

    /// Reads any JSON object that has the five fields, in any order, with whatever else.
    public static func parse(_ value: Span<UInt8>) throws(RecordError) -> Located {
        let fields = try RecordFields(names, in: value)
        guard let data = fields["data"] else { throw .missingField }
        guard case .string(let string) = data else { throw .wrongType }
        if !string.hasEscapes {
            let record = try ImageRecord(fields, textLength: string.range.count, in: value)
            return Located(record: record, content: .text(string.range))
        }
        guard let text = string.bytes(in: value) else { throw .wrongType }
        return Located(record: try ImageRecord(fields, textLength: text.count, in: value), content: .unescaped(text))
    }

    private static let base64Characters = ASCIISet(lettersDigitsAnd: "+/=")

    /// Where the base64 that begins at `start` ends.
    private static func endOfBase64(_ text: Span<UInt8>, from start: Int) -> Int {
        let characters = base64Characters
        var index = start
        while index < text.count, characters.contains(text[index]) { index += 1 }
        return index
    }

    private init(_ fields: RecordFields, textLength: Int, in value: Span<UInt8>) throws(RecordError) {
        try self.init(fields, in: value)
        guard Self.textLength(ofSize: size) == textLength else { throw .sizeMismatch }
    }

    private init(_ fields: RecordFields, in value: Span<UInt8>) throws(RecordError) {
        contentType = try fields.contentType(in: value)
        size = try fields.size("size", in: value, atLeast: 1)
        cachedAt = try fields.time("cachedAt", in: value)
        expiresAt = try fields.time("expiresAt", in: value)
        extra = fields.extra
    }
}

// MARK: - Raw values

extension ImageRecord {
    private static func isRaw(_ tail: Span<UInt8>) -> Bool {
        let offset = tail.count - rawMark.count
        return offset >= 0 && rawMark.indices.allSatisfy { tail[offset + $0] == rawMark[$0] }
    }

    /// Reads a raw value of `length` bytes of which `tail` is the end.
    private static func parseRaw(tail: Span<UInt8>, length: Int) throws(RecordError) -> Located {
        let end = tail.count - rawDigits - rawMark.count
        guard end >= 0, length >= tail.count, let count = hexadecimal(tail.extracting(end..<end + rawDigits)),
            count <= end
        else { throw .notJSON }
        let object = tail.extracting(end - count..<end)
        let fields = try RecordFields(names, in: object)
        let record = try ImageRecord(fields, in: object)
        guard record.size == length - tail.count + end - count else { throw .sizeMismatch }
        return Located(record: record, content: .bytes(0..<record.size))
    }

    private static func hexadecimal(_ digits: Span<UInt8>) -> Int? {
        var number = 0
        for index in digits.indices {
            switch digits[index] {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): number = number << 4 | Int(digits[index] - UInt8(ascii: "0"))
            case UInt8(ascii: "a")...UInt8(ascii: "f"):
                number = number << 4 | Int(digits[index] - UInt8(ascii: "a") + 10)
            default: return nil
            }
        }
        return number
    }
}
