/// The beginning of a file of the embedded store. It tells everything about an image; the image's own bytes stand behind
/// it, or in a file of their own, where web servers find them.
///
///     imgfile1 <length of the header> <length of what is in use> <sum of that>
///     {"key":"image-proxy:https://...","generation":"...","expiresAt":1700086400000,"size":12345,"sum":"..."}
///     {"contentType":"image/png","size":12345,"cachedAt":1700000000000,"expiresAt":1700086400000}0000005bimgraw1
///     {"width":640,"height":480,"contentType":"image/png","size":12345,"cachedAt":1700000000000}
///
/// The record is a raw one's closing, and the metadata are the same text as in Redis; either line may be empty. Numbers of
/// the first line are in hexadecimal digits. The rest of the header is white space: the record, which changes when its
/// origin has confirmed it, has always room.
public struct ImageFileHeader: Equatable, Sendable {
    /// The cache key in full: the name of the file is only a digest of it.
    public var key: [UInt8]
    /// Another number each time that the record is written: what tells copies of it apart from their successors.
    public var generation: UInt64
    /// When all of it may be forgotten: Unix milliseconds.
    public var expiresAt: Int64
    /// Nil for a file that holds metadata alone, or an image that is being written.
    public var record: ImageRecord?
    /// Of the image's bytes.
    public var sum: UInt64
    /// What the name of the file ends with in which the image's bytes are; nil where they stand behind the header.
    public var body: UInt64?
    /// The text of the metadata; empty where there are none.
    public var metadataText: [UInt8]

    public init(
        key: [UInt8], generation: UInt64, expiresAt: Int64, record: ImageRecord? = nil, sum: UInt64 = 0,
        body: UInt64? = nil, metadataText: [UInt8] = []
    ) {
        self.key = key
        self.generation = generation
        self.expiresAt = expiresAt
        self.record = record
        self.sum = sum
        self.body = body
        self.metadataText = metadataText
    }

    /// The metadata, where there are any that can be read.
    public var metadata: ImageMetadata? { try? ImageMetadata.parse(metadataText.span) }

    /// The longest header, and so what has to be read to see all of any.
    public static let longestLength = 64 << 10

    private static let mark = Array("imgfile1 ".utf8)
    private static let lengthDigits = 8
    /// The first line: the mark, two lengths and the sum, each with what parts it from the next.
    private static let firstLine = mark.count + 2 * (lengthDigits + 1) + 17
    private static let unit = 1024
    /// For the members of the second line besides the key, for the metadata, and for line ends.
    private static let room = 256 + 512 + 8

    /// How long the header of a file for this key is, whatever comes to be written in it.
    public static func length(forKey key: [UInt8]) -> Int {
        let needed = firstLine + quoted(key).count + ImageRecord.tailLength + room
        return (needed + unit - 1) / unit * unit
    }
}

// MARK: - Writing

extension ImageFileHeader {
    /// The header in full length; nil when it does not find room, as that of an overlong key does not.
    public func encoded() -> [UInt8]? {
        let length = Self.length(forKey: key)
        let content = content
        guard length <= Self.longestLength, Self.firstLine + content.count <= length else { return nil }
        let numbers = [length, content.count].map { HexadecimalText.digits(UInt64($0)).suffix(Self.lengthDigits) }
        let sum = HexadecimalText.digits(ByteSum(of: RawSpan(_elements: content.span)).value)
        var bytes = Self.mark + Array("\(numbers[0]) \(numbers[1]) \(sum)\n".utf8) + content
        bytes += repeatElement(UInt8(ascii: " "), count: length - bytes.count)
        return bytes
    }

    private var content: [UInt8] {
        let lineEnd = UInt8(ascii: "\n")
        var text = JSONText()
        text.object { text in
            text.member("key", .string(String(decoding: key, as: UTF8.self)))
            text.member("generation", .string(HexadecimalText.digits(generation)))
            text.member("expiresAt", .integer(expiresAt))
            text.member("size", .integer(Int64(record?.size ?? 0)))
            text.member("sum", .string(HexadecimalText.digits(sum)))
            if let body { text.member("body", .string(HexadecimalText.digits(body))) }
        }
        // A closing ends its line itself.
        return text.bytes + [lineEnd] + (record?.closing(.raw) ?? [lineEnd]) + metadataText + [lineEnd]
    }

    private static func quoted(_ key: [UInt8]) -> [UInt8] {
        var text = JSONText()
        text.value(.string(String(decoding: key, as: UTF8.self)))
        return text.bytes
    }
}

// MARK: - Reading

extension ImageFileHeader {
    /// A header and how long it is.
    public struct Located: Equatable, Sendable {
        public var header: ImageFileHeader
        public var length: Int
    }

    /// Reads what a file begins with, of which at least `longestLength` bytes are there, or all of it. Nil when it is not
    /// sound in every part.
    public static func parse(_ bytes: Span<UInt8>) -> Located? {
        guard let (length, content) = frame(bytes) else { return nil }
        var lines: [Range<Int>] = []
        var start = content.lowerBound
        for index in content.lowerBound..<content.upperBound where bytes[index] == UInt8(ascii: "\n") {
            lines.append(start..<index)
            start = index + 1
        }
        guard lines.count == 3, start == content.upperBound,
            var header = try? describe(bytes.extracting(lines[0]))
        else { return nil }
        if !lines[1].isEmpty {
            // With its line end, which is a part of a closing.
            let closing = bytes.extracting(lines[1].lowerBound..<lines[1].upperBound + 1)
            guard let located = ImageRecord.parse(tail: closing, length: header.size + closing.count),
                case .bytes = located.content
            else { return nil }
            header.header.record = located.record
        }
        header.header.metadataText = lines[2].map { bytes[$0] }
        return Located(header: header.header, length: length)
    }

    /// The length of the header, and where its content is, if that has not changed since it was written.
    private static func frame(_ bytes: Span<UInt8>) -> (length: Int, content: Range<Int>)? {
        guard bytes.count >= firstLine, mark.indices.allSatisfy({ bytes[$0] == mark[$0] }),
            bytes[firstLine - 1] == UInt8(ascii: "\n")
        else { return nil }
        let first = mark.count
        let second = first + lengthDigits + 1
        let third = second + lengthDigits + 1
        guard let length = number(bytes, first, lengthDigits), let count = number(bytes, second, lengthDigits),
            let sum = number(bytes, third, 16), [second, third].allSatisfy({ bytes[$0 - 1] == UInt8(ascii: " ") }),
            length <= longestLength, length <= bytes.count,
            firstLine + Int(count) <= length
        else { return nil }
        let content = firstLine..<firstLine + Int(count)
        guard ByteSum(of: RawSpan(_elements: bytes.extracting(content))).value == sum else { return nil }
        return (Int(length), content)
    }

    private static func number(_ bytes: Span<UInt8>, _ start: Int, _ count: Int) -> UInt64? {
        HexadecimalText.number((start..<start + count).map { bytes[$0] })
    }

    private static let names = ["key", "generation", "expiresAt", "size", "sum", "body"]

    private static func describe(_ line: Span<UInt8>) throws(RecordError) -> (header: ImageFileHeader, size: Int) {
        let fields = try RecordFields(names, in: line)
        let header = ImageFileHeader(
            key: Array(try fields.string("key", in: line).utf8),
            generation: try fields.hexadecimal("generation", in: line),
            expiresAt: try fields.time("expiresAt", in: line), sum: try fields.hexadecimal("sum", in: line),
            body: fields["body"] == nil ? nil : try fields.hexadecimal("body", in: line))
        return (header, try fields.size("size", in: line, atLeast: 0))
    }
}

extension RecordFields {
    fileprivate func hexadecimal(_ name: String, in value: Span<UInt8>) throws(RecordError) -> UInt64 {
        guard let number = HexadecimalText.number(Array(try string(name, in: value).utf8)) else { throw .wrongType }
        return number
    }
}
