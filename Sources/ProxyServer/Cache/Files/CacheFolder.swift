public import ProxyCore

/// What is known of the folder of the embedded store, besides the images in it.
public struct CacheFolder: Sendable, Equatable {
    /// Bytes that its files take up, those of what has expired and not gone yet too.
    public var usedBytes = 0
    /// `IMAGE_PROXY_FILE_CACHE_SIZE`.
    public var maximumBytes = 0
    /// Images, and metadata of images that are not kept.
    public var files = 0
    /// Bytes that the disk has left; nil where it does not say.
    public var freeBytes: Int?
    /// Why nothing can be written there; nil while that is not known to be so.
    public var problem: String?

    /// As a value of JSON.
    public func write(to text: inout JSONText) {
        text.object { text in
            text.member("usedBytes", .integer(Int64(usedBytes)))
            text.member("maxBytes", .integer(Int64(maximumBytes)))
            text.member("files", .integer(Int64(files)))
            text.member("diskFreeBytes", freeBytes.map { .integer(Int64($0)) } ?? .null)
            text.member("problem", problem.map { .string($0) } ?? .null)
        }
    }
}
