extension Configuration {
    /// What an origin may cost us.
    public struct Fetch: Sendable, Equatable {
        /// Most that is ever read of one image, counted as it arrives. Default: 100 MiB.
        public var maximumImageSize = ByteCount.mebibytes(100)
        /// How long a connection may take to open. Default: 3 s.
        public var connectTimeout = Duration.seconds(3)
        /// How long the first byte of an answer may take. Default: 10 s.
        public var firstByteTimeout = Duration.seconds(10)
        /// How long an answer may pause. Default: 10 s.
        public var stallTimeout = Duration.seconds(10)
        /// How long a fetch may take in all, its redirects included. Default: 2 min.
        public var totalTimeout = Duration.seconds(120)
        /// Certificate authorities for https origins; nil is the system's. Default: nil.
        public var certificateAuthorityFile: String?
        /// How many redirects are followed, each hop judged again. Default: 3.
        public var maximumRedirects = 3

        public init() {}
    }
}

extension Configuration.Fetch {
    static var keys: [ConfigurationKey] {
        [
            ConfigurationKey(
                "IMAGE_PROXY_MAX_IMAGE_SIZE", { $0.fetch.maximumImageSize = $1 }, "100MiB",
                .size(ByteCount(1) ... .gibibytes(64)),
                "most that is ever read of one image, counted as it arrives"),
            ConfigurationKey(
                "IMAGE_PROXY_CONNECT_TIMEOUT", { $0.fetch.connectTimeout = $1 }, "3s", .time(timeouts),
                "how long a connection to an origin may take to open"),
            ConfigurationKey(
                "IMAGE_PROXY_FIRST_BYTE_TIMEOUT", { $0.fetch.firstByteTimeout = $1 }, "10s", .time(timeouts),
                "how long the first byte of an origin's answer may take"),
            ConfigurationKey(
                "IMAGE_PROXY_STALL_TIMEOUT", { $0.fetch.stallTimeout = $1 }, "10s", .time(timeouts),
                "how long an origin's answer may pause"),
            ConfigurationKey(
                "IMAGE_PROXY_TOTAL_TIMEOUT", { $0.fetch.totalTimeout = $1 }, "120s", .time(timeouts),
                "how long a fetch may take in all, its redirects included"),
            ConfigurationKey(
                "IMAGE_PROXY_CA_FILE", { $0.fetch.certificateAuthorityFile = $1 }, .inWords("the system's"),
                ValueForm<String>.readableFile("a PEM file").orNone,
                "certificate authorities for https origins"),
            ConfigurationKey(
                "IMAGE_PROXY_MAX_REDIRECTS", { $0.fetch.maximumRedirects = $1 }, "3", .number(0...20),
                "how many redirects are followed, each hop judged again"),
        ]
    }

    /// Libcurl takes milliseconds, and takes 0 for no limit at all.
    private static var timeouts: ClosedRange<Duration> { .milliseconds(1) ... .seconds(60 * 60) }
}
