/// An image in the cache, without its bytes: the record that is shared with the TypeScript application.
///
///     {"data":"<base64>","contentType":"image/png","size":12345,"cachedAt":1700000000000,"expiresAt":1700086400000}
///
/// A value is written in three parts, so that the data can come in pieces: `opening`, the base64 text, `closing()`.
public struct ImageRecord: Equatable, Sendable {
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

    /// What stands before the base64 text.
    public static let opening = Array(#"{"data":""#.utf8)

    /// What stands behind the base64 text.
    public func closing() -> [UInt8] {
        var text = JSONText(behindMember: [UInt8(ascii: "\"")])
        text.member("contentType", .string(contentType))
        text.member("size", .integer(Int64(size)))
        text.member("cachedAt", .integer(cachedAt))
        text.member("expiresAt", .integer(expiresAt))
        for field in extra { text.member(field.name, field.value) }
        return text.bytes + [UInt8(ascii: "}")]
    }

    /// The length of the whole value, which Redis wants to know before the first byte of it.
    public func encodedLength() -> Int { Self.opening.count + Self.textLength(ofSize: size) + closing().count }

    /// The length of the base64 text of `size` bytes (RFC 4648, section 4); `size` is less than 2^53.
    static func textLength(ofSize size: Int) -> Int { (size / 3 + (size % 3 == 0 ? 0 : 1)) * 4 }
}
