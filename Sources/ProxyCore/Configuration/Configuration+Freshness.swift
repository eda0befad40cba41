extension Configuration {
    /// How long an answer is fresh, and how long it may be served after that (RFC 9111, RFC 5861).
    public struct Freshness: Sendable, Equatable {
        /// An image is fresh for at least this long, whatever its origin says. Default: 0.
        public var minimumTTL = Duration.zero
        /// An image is fresh for at most this long, whatever its origin says. Default: 30 days.
        public var maximumTTL = Duration.seconds(30 * 24 * 60 * 60)
        /// How long an origin's 404 or 410 is kept. Default: 30 s.
        public var negativeTTL = Duration.seconds(30)
        /// Whether every image lives for the fixed `cache.imageTTL`. Default: no, the origin is heard.
        public var ignoresOriginCacheControl = false
        /// How long a stale image is still served while it is revalidated. Default: an hour.
        public var staleWhileRevalidate = Duration.seconds(60 * 60)
        /// How long a stale image is still served when its origin fails. Default: a day.
        public var staleIfError = Duration.seconds(24 * 60 * 60)

        /// Whether a client that asks for it (`Cache-Control: no-cache`) gets an image that its origin has just confirmed.
        /// Default: no, or every reload would be a request to the origin.
        public var honorsClientNoCache = false

        public init() {}
    }
}

extension Configuration.Freshness {
    static var keys: [ConfigurationKey] {
        [
            ConfigurationKey(
                "IMAGE_PROXY_MIN_TTL", { $0.freshness.minimumTTL = $1 }, "0s", .time(lifetimes),
                "an image is fresh for at least this long, whatever its origin says"),
            ConfigurationKey(
                "IMAGE_PROXY_MAX_TTL", { $0.freshness.maximumTTL = $1 }, "30d", .time(lifetimes),
                "an image is fresh for at most this long, whatever its origin says"),
            ConfigurationKey(
                "IMAGE_PROXY_NEGATIVE_TTL", { $0.freshness.negativeTTL = $1 }, "30s", .time(lifetimes),
                "how long an origin's 404 or 410 is kept"),
            ConfigurationKey(
                "IMAGE_PROXY_IGNORE_ORIGIN_CACHE_CONTROL", { $0.freshness.ignoresOriginCacheControl = $1 }, "off",
                .onOff,
                "on: every image lives for IMAGE_PROXY_CACHE_TTL"),
            ConfigurationKey(
                "IMAGE_PROXY_STALE_WHILE_REVALIDATE", { $0.freshness.staleWhileRevalidate = $1 }, "1h",
                .time(lifetimes),
                "how long a stale image is still served while it is revalidated"),
            ConfigurationKey(
                "IMAGE_PROXY_STALE_IF_ERROR", { $0.freshness.staleIfError = $1 }, "24h", .time(lifetimes),
                "how long a stale image is still served when its origin fails"),
            ConfigurationKey(
                "IMAGE_PROXY_CLIENT_NO_CACHE", { $0.freshness.honorsClientNoCache = $1 }, "off", .onOff,
                "on: a client's Cache-Control: no-cache has the image validated at its origin"),
        ]
    }

    private static var lifetimes: ClosedRange<Duration> { .zero ... .seconds(3650 * 24 * 60 * 60) }
}
