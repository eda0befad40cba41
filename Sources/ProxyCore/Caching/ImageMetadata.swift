/// What is known of an image whatever its size, cached or not: the second record shared with the TypeScript application.
///
///     {"width":640,"height":480,"contentType":"image/png","size":12345,"cachedAt":1700000000000}
public struct ImageMetadata: Equatable, Sendable {
    /// Pixels; 0 where unknown.
    public var width: Int
    /// Pixels; 0 where unknown.
    public var height: Int
    public var contentType: String
    /// Bytes.
    public var size: Int
    /// Unix milliseconds.
    public var cachedAt: Int64

    public init(width: Int, height: Int, contentType: String, size: Int, cachedAt: Int64) {
        self.width = width
        self.height = height
        self.contentType = contentType
        self.size = size
        self.cachedAt = cachedAt
    }

    /// The value as it is stored.
    public func encoded() -> [UInt8] {
        var text = JSONText()
        text.object { object in
            object.member("width", .integer(Int64(width)))
            object.member("height", .integer(Int64(height)))
            object.member("contentType", .string(contentType))
            object.member("size", .integer(Int64(size)))
            object.member("cachedAt", .integer(cachedAt))
        }
        return text.bytes
    }

    /// Reads a stored value, whoever wrote it.
    public static func parse(_ value: Span<UInt8>) throws(RecordError) -> ImageMetadata {
        let fields = try RecordFields(["width", "height", "contentType", "size", "cachedAt"], in: value)
        return ImageMetadata(
            width: try fields.size("width", in: value, atLeast: 0),
            height: try fields.size("height", in: value, atLeast: 0),
            contentType: try fields.contentType(in: value),
            size: try fields.size("size", in: value, atLeast: 0),
            cachedAt: try fields.time("cachedAt", in: value))
    }
}
