public import ProxyCore

/// All that the cache knows of a source.
public struct CacheInspection: Sendable {
    public let urlText: String
    public let imageKey: CacheKey
    public let metadataKey: CacheKey
    /// Nil where there is no value.
    public internal(set) var image: StoredValue?
    public internal(set) var metadataValue: StoredValue?
    /// The record and how it is laid out, as far as its end tells it or it could be read.
    public internal(set) var record: ImageRecord?
    public internal(set) var format: ImageRecord.Format?
    /// Why the value is no sound record; nil where it is, or where there is none.
    public internal(set) var damage: String?
    public internal(set) var metadata: ImageMetadata?
    /// Somebody fetches the image now, or has left word of it.
    public internal(set) var lease: Lease?
    /// Whether a process keeps it in its memory after its second hit there; nil without a record.
    public internal(set) var fitsIntoMemory: Bool?
    /// When it was looked at, in Unix milliseconds.
    public let time: Int64
    /// Where the values are, in words.
    public internal(set) var place = "in Redis"

    /// A value in the cache.
    public struct StoredValue: Sendable, Equatable {
        public let bytes: Int
        /// Milliseconds until it expires; nil where it does not.
        public let expiresIn: Int64?
    }

    public struct Lease: Sendable, Equatable {
        /// What those who ask are told; nil while somebody fetches.
        public let verdict: String?
        /// Milliseconds; nil where it does not end.
        public let expiresIn: Int64?
    }

    /// What the record says of the response.
    public var response: StoredResponse? { record.map { StoredResponse($0) } }
}

extension Configuration {
    /// Whether a process keeps the image of a record in its memory after its second hit; nil without a record.
    func fitsIntoMemory(_ record: ImageRecord?) -> Bool? {
        record.map { MemoryTier(limit: cache.memorySize.bytes).admits($0.size) }
    }
}
