extension Configuration {
    /// What is kept, where, and for how long.
    public struct Cache: Sendable, Equatable {
        /// Default: the Redis of this machine, database 0.
        public var store = CacheStore.redis(RedisLocation(endpoint: .server(host: "127.0.0.1", port: 6379)))
        /// Key of an image. Default: `image-proxy:{url}`.
        public var imageKey = CacheKeyTemplate(prefix: "image-proxy:")
        /// Key of an image's metadata. Default: `image-metadata:{url}`.
        public var metadataKey = CacheKeyTemplate(prefix: "image-metadata:")
        /// Lifetime of an image, where the origin names none. Default: a day.
        public var imageTTL = Duration.seconds(24 * 60 * 60)
        /// Lifetime of metadata. Default: a week.
        public var metadataTTL = Duration.seconds(7 * 24 * 60 * 60)
        /// The size gate: an image of at most this size is cached. Default: 5 MiB.
        public var maximumSize = ByteCount.mebibytes(5)
        /// The chunk as it was asked for; `chunkSize` is the one to use. Default: 1 MiB.
        var requestedChunkSize = ByteCount.mebibytes(1)
        /// What the in-process tier may hold; zero is off. Default: 64 MiB.
        public var memorySize = ByteCount.mebibytes(64)
        /// How an image is written. Default: the record that other applications on the same Redis read.
        public var format = Format.json
        /// Bytes that may wait for the cache; what comes beyond is served, and not stored. Default: 32 MiB.
        public var storeBudget = ByteCount.mebibytes(32)
        /// What a cache in a directory may take up there. Default: 1 GiB.
        public var fileCacheSize = ByteCount.gibibytes(1)
        /// How the web server is told to send images from a cache in a directory itself; nil: it is not. Default: nil.
        public var handover: Handover?
        /// How long the cache may take to answer before the request goes on without it. Default: 500 ms.
        public var timeout = Duration.milliseconds(500)

        public init() {}

        /// How many bytes are encoded at once: a multiple of 3, since base64 encodes 3 bytes at a time and only then do
        /// chunks join without padding between them.
        public var chunkSize: ByteCount { ByteCount(requestedChunkSize.bytes - requestedChunkSize.bytes % 3) }

        public enum Format: String, Sendable, CaseIterable {
            case json, raw
        }

        /// The header field by which a web server is given a file to send in our stead.
        public enum Handover: Sendable, Equatable {
            /// nginx: the path of an internal location, which ends with a slash, and the file's behind it.
            case accelRedirect(prefix: String)
            /// lighttpd, and Apache with mod_xsendfile: the file's own path.
            case sendfile
        }
    }
}

extension Configuration.Cache {
    static var keys: [ConfigurationKey] { stores + bounds }

    private static var stores: [ConfigurationKey] {
        [
            ConfigurationKey(
                "IMAGE_PROXY_CACHE", { $0.cache.store = $1 }, "redis://127.0.0.1:6379/0", .store,
                "where images are cached"),
            ConfigurationKey(
                "IMAGE_PROXY_CACHE_KEY", { $0.cache.imageKey = $1 }, "image-proxy:{url}", .template,
                "key of an image"),
            ConfigurationKey(
                "IMAGE_PROXY_METADATA_KEY", { $0.cache.metadataKey = $1 }, "image-metadata:{url}", .template,
                "key of an image's metadata"),
            ConfigurationKey(
                "IMAGE_PROXY_CACHE_TTL", { $0.cache.imageTTL = $1 }, "24h", .time(lifetimes),
                "lifetime of a cached image, where its origin names none"),
            ConfigurationKey(
                "IMAGE_PROXY_METADATA_TTL", { $0.cache.metadataTTL = $1 }, "7d", .time(lifetimes),
                "lifetime of metadata"),
            ConfigurationKey(
                "IMAGE_PROXY_CACHE_FORMAT", { $0.cache.format = $1 }, "json", .word(),
                "how an image is written: the shared json record, or raw bytes"),
        ]
    }

    private static var bounds: [ConfigurationKey] {
        [
            ConfigurationKey(
                "IMAGE_PROXY_MAX_CACHE_SIZE", { $0.cache.maximumSize = $1 }, "5MiB", .size(.zero ... .mebibytes(256)),
                "the size gate: an image of at most this size is cached"),
            ConfigurationKey(
                "IMAGE_PROXY_CHUNK_SIZE", { $0.cache.requestedChunkSize = $1 }, "1MiB",
                .size(ByteCount(3) ... .mebibytes(64)),
                "chunk for encoding and storing, rounded down to a multiple of 3"),
            ConfigurationKey(
                "IMAGE_PROXY_MEMORY_CACHE_SIZE", { $0.cache.memorySize = $1 }, "64MiB",
                .size(.zero ... .gibibytes(1024)),
                "what the in-process tier may hold; 0 is off"),
            ConfigurationKey(
                "IMAGE_PROXY_FILE_CACHE_SIZE", { $0.cache.fileCacheSize = $1 }, "1GiB",
                .size(.mebibytes(1) ... .gibibytes(1 << 20)),
                "what a cache in a directory (file:) may take up; what was not used for longest goes first"),
            ConfigurationKey(
                "IMAGE_PROXY_HANDOVER", { $0.cache.handover = $1 }, "off", .handover,
                "how the web server is told to send large hits of a cache in a directory (file:) itself"),
            ConfigurationKey(
                "IMAGE_PROXY_STORE_BUDGET", { $0.cache.storeBudget = $1 }, "32MiB",
                .size(.kibibytes(64) ... .gibibytes(64)),
                "bytes that may wait for the cache; what comes beyond is served and not stored"),
            ConfigurationKey(
                "IMAGE_PROXY_CACHE_TIMEOUT", { $0.cache.timeout = $1 }, "500ms",
                .time(.milliseconds(1) ... .seconds(10)),
                "how long the cache may take to answer before a request goes on without it"),
        ]
    }

    /// A record always expires, so a lifetime is at least a second, the unit of an expiry.
    private static var lifetimes: ClosedRange<Duration> { .seconds(1) ... .seconds(3650 * 24 * 60 * 60) }
}

extension ValueForm<Configuration.Cache.Handover?> {
    fileprivate static var handover: Self {
        Self("off, x-sendfile, or x-accel-redirect: and a path such as x-accel-redirect:/image-proxy-files/") { text in
            if text == "off" { return .some(nil) }
            if text == "x-sendfile" { return .sendfile }
            guard let path = ConfigurationText.dropping("x-accel-redirect:", from: text), path.utf8.count > 2,
                path.hasPrefix("/"), path.hasSuffix("/"), !path.hasPrefix("//"),
                path.utf8.allSatisfy({ isPlain($0) })
            else { return nil }
            return .accelRedirect(prefix: path)
        }
    }

    /// nginx decodes the path, so nothing in it may need that.
    private static func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "/"):
            true
        default: false
        }
    }
}

extension ValueForm<CacheKeyTemplate> {
    fileprivate static var template: Self {
        Self("a key without blanks that holds {url} exactly once") { CacheKeyTemplate($0) }
    }
}
