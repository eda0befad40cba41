extension Configuration {
    /// What is logged, on standard error.
    public struct Log: Sendable, Equatable {
        /// The least level that is logged. Default: info.
        public var level = Level.info
        /// Default: text, for people.
        public var format = Format.text
        /// Whether a URL's query, which may hold a token, is logged too. Default: no.
        public var includesFullURLs = false

        public init() {}

        /// The levels of swift-log, under its names.
        public enum Level: String, Sendable, CaseIterable {
            case trace, debug, info, notice, warning, error, critical
        }

        public enum Format: String, Sendable, CaseIterable {
            case text, json
        }
    }
}

extension Configuration.Log {
    static var keys: [ConfigurationKey] {
        [
            ConfigurationKey(
                "IMAGE_PROXY_LOG_LEVEL", { $0.log.level = $1 }, "info", .word(),
                "the least level that is logged"),
            ConfigurationKey(
                "IMAGE_PROXY_LOG_FORMAT", { $0.log.format = $1 }, "text", .word(),
                "how a line of the log is written"),
            ConfigurationKey(
                "IMAGE_PROXY_LOG_FULL_URLS", { $0.log.includesFullURLs = $1 }, "off", .onOff,
                "on: a URL's query, which may hold a token, is logged too"),
        ]
    }
}
