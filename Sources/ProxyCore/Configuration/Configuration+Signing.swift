extension Configuration {
    /// Whether a URL has to be signed.
    public struct Signing: Sendable, Equatable {
        /// The first signs, all verify; with none, URLs are not signed. Default: none.
        public var keys: [Secret] = []
        /// The dialects of signed URLs that are understood. Default: our own alone.
        public var dialects: [Dialect] = [.own]

        public init() {}
    }

    /// A way to sign a URL.
    public enum Dialect: String, Sendable, CaseIterable {
        case own
    }
}

extension Configuration.Signing {
    static var keys: [ConfigurationKey] {
        [
            ConfigurationKey(
                "IMAGE_PROXY_SIGNING_KEYS", { $0.signing.keys = $1 }, .none, .secrets,
                "keys of signed URLs: the first signs, all verify; with one set, unsigned requests are refused"),
            ConfigurationKey(
                "IMAGE_PROXY_SIGNING_KEYS_FILE", { $0.signing.keys = $1 }, .none, .secretFile,
                "a file that holds those keys, in place of IMAGE_PROXY_SIGNING_KEYS"),
            ConfigurationKey(
                "IMAGE_PROXY_DIALECTS", { $0.signing.dialects = $1 }, "own",
                .words(notYet: ["camo", "imgproxy", "willnorris", "thumbor"]),
                "dialects of signed URLs that are understood"),
        ]
    }
}
