public import ProxyCore

/// Every decision about one URL, in the order in which a request would meet them.
public struct Explanation: Sendable {
    /// The URL as it was given.
    public let url: String
    /// The keys of the image and of its metadata in the cache.
    public internal(set) var cacheKey: CacheKey?
    public internal(set) var metadataKey: CacheKey?
    /// Whether a request for it has to be signed.
    public internal(set) var needsSignature = false
    /// What was asked, one for each redirect and the first.
    public internal(set) var hops: [Hop] = []
    /// What the first bytes are.
    public internal(set) var type: MediaType?
    /// What the origin says of the length.
    public internal(set) var length: Int?
    /// What the cache would do with it; nil where there is no image.
    public internal(set) var storage: Storage?
    /// How a request would have failed; nil where it would have been served.
    public internal(set) var failure: ProxyError?

    /// Why the URL is none that is asked for.
    public var problem: SourceURLError? {
        do { _ = try SourceURL(url) } catch { return error }
        return nil
    }

    /// One URL that is asked.
    public struct Hop: Sendable {
        public let source: SourceURL
        /// The entry of the host list that admits it.
        public internal(set) var hostPattern: HostPattern?
        /// What was found of addresses, each with what the policy says of it.
        public internal(set) var addresses: [Address] = []
        /// The address that answered.
        public internal(set) var connected: IPAddress?
        public internal(set) var status: Int?
        /// Where it redirects to, as the origin wrote it.
        public internal(set) var location: String?
    }

    /// One address of a host.
    public struct Address: Sendable, Equatable {
        public let address: IPAddress
        public let verdict: AddressVerdict
    }

    /// What the cache would do with an image.
    public struct Storage: Sendable, Equatable {
        /// Nil where that shows only when the image has come to its end.
        public let isStored: Bool?
        public let rule: String
        /// How long it could be used; nil where it is not to be kept.
        public internal(set) var freshness: Freshness?

        /// Whether the cache would admit the image.
        public var admission: Admission { isStored.map { $0 ? .admitted : .refused } ?? .bySize }
    }

    /// Whether the cache admits an image. Whether there is a place to fetch it, only the server that is asked knows then.
    public enum Admission: String, Sendable {
        case admitted, refused
        /// As soon as its end has shown how long it is.
        case bySize = "by-size"
    }

    /// How long an image could be used, in seconds.
    public struct Freshness: Sendable, Equatable {
        public let lifetime: Int
        public let staleWhileRevalidate: Int
        public let staleIfError: Int
    }
}
