/// An image in the cache, without its bytes. There are two ways to lay one out; whatever is written, both are read.
///
/// `json` is the record that is shared with the TypeScript application. Its value is `opening`, the base64 text, `closing()`:
///
///     {"data":"<base64>","contentType":"image/png","size":12345,"cachedAt":1700000000000,"expiresAt":1700086400000}
///
/// `raw` is a quarter smaller and needs no decoding: the bytes of the image, and behind them the other members as an
/// object of their own, the length of that object in eight hexadecimal digits, and `rawMark`, which no JSON text ends with:
///
///     <bytes>{"contentType":"image/png","size":12345,"cachedAt":1700000000000,"expiresAt":1700086400000}0000005bimgraw1\n
///
/// Both end with what is not known before the image is, so that the image can be written while it comes; and both are
/// known from their end alone.
public struct ImageRecord: Equatable, Sendable {
    public typealias Format = Configuration.Cache.Format

    public var contentType: String
    /// The bytes of the image.
    public var size: Int
    /// Unix milliseconds.
    public var cachedAt: Int64
    /// Unix milliseconds.
    public var expiresAt: Int64
    /// Fields of our own that follow those five: validators, freshness. A reader that does not know them passes them over.
    public var extra: [JSONField]

    public init(contentType: String, size: Int, cachedAt: Int64, expiresAt: Int64, extra: [JSONField] = []) {
        self.contentType = contentType
        self.size = size
        self.cachedAt = cachedAt
        self.expiresAt = expiresAt
        self.extra = extra
    }

    /// The value of the first extra field of that name.
    public subscript(extra name: String) -> JSONScalar? { extra.first { $0.name == name }?.value }
}

extension ImageRecord {
    /// What stands before the base64 text.
    public static let opening = Array(#"{"data":""#.utf8)

    /// The last bytes of a raw value.
    static let rawMark = Array("imgraw1\n".utf8)
    static let rawDigits = 8

    /// What stands before the image, or its text.
    public static func opening(_ format: Format) -> [UInt8] { format == .json ? opening : [] }

    /// What stands behind the image, or its text. It is filled up with white space to `length` where it is shorter: JSON
    /// allows it before the last brace, and so it can take the place of a longer one.
    public func closing(_ format: Format = .json, atLeast length: Int = 0) -> [UInt8] {
        var closing = members(format)
        let end = 1 + (format == .raw ? Self.rawDigits + Self.rawMark.count : 0)
        closing += repeatElement(UInt8(ascii: " "), count: max(0, length - closing.count - end))
        closing.append(UInt8(ascii: "}"))
        if format == .raw {
            let digits = String(closing.count, radix: 16)
            closing += Array(String(repeating: "0", count: max(0, Self.rawDigits - digits.utf8.count)).utf8)
            closing += Array(digits.utf8) + Self.rawMark
        }
        return closing
    }

    /// The length of the whole value, which Redis wants to know before the first byte of it.
    public func encodedLength(_ format: Format = .json) -> Int {
        Self.opening(format).count + Self.contentLength(ofSize: size, format) + closing(format).count
    }

    /// The length of what stands for `size` bytes of an image; `size` is less than 2^53.
    public static func contentLength(ofSize size: Int, _ format: Format) -> Int {
        format == .json ? textLength(ofSize: size) : size
    }

    /// The length of the base64 text of `size` bytes (RFC 4648, section 4); `size` is less than 2^53.
    static func textLength(ofSize size: Int) -> Int { (size / 3 + (size % 3 == 0 ? 0 : 1)) * 4 }

    /// The members behind the data, without the last brace.
    private func members(_ format: Format) -> [UInt8] {
        let quote = [UInt8(ascii: "\"")]
        var text = JSONText(behindMember: format == .json ? quote : [])
        text.member("contentType", .string(contentType))
        text.member("size", .integer(Int64(size)))
        text.member("cachedAt", .integer(cachedAt))
        text.member("expiresAt", .integer(expiresAt))
        for field in extra { text.member(field.name, field.value) }
        return format == .json ? text.bytes : [UInt8(ascii: "{")] + text.bytes.dropFirst()
    }
}
