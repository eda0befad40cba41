/// What the operator decided, one value an area. Read once at start, immutable from then on.
///
/// Every property has its default in the code, so that `Configuration()` is the program as it comes, but for the hosts:
/// those an operator has to name.
public struct Configuration: Sendable, Equatable {
    public var source = Source()
    public var signing = Signing()
    public var cache = Cache()
    public var freshness = Freshness()
    public var fetch = Fetch()
    public var server = Server()
    public var media = Media()
    public var log = Log()

    /// What was set, by key, for `effective`. Its texts are redacted already.
    var given: [String: EffectiveSetting] = [:]

    public init() {}

    /// How texts are judged whose types live elsewhere. Each answers whether the text is well formed.
    public struct Validators: Sendable {
        /// One item of `IMAGE_PROXY_ALLOWED_HOSTS`.
        public var host: @Sendable (String) -> Bool
        /// One item of `IMAGE_PROXY_ALLOWED_NETWORKS`.
        public var network: @Sendable (String) -> Bool
        /// One item of `IMAGE_PROXY_ADMIN_NETWORKS`.
        public var adminNetwork: @Sendable (String) -> Bool
        /// A file that will be read later on.
        public var readableFile: @Sendable (String) -> Bool

        public init(
            host: @escaping @Sendable (String) -> Bool = isToken,
            network: @escaping @Sendable (String) -> Bool = isToken,
            adminNetwork: @escaping @Sendable (String) -> Bool = isToken,
            readableFile: @escaping @Sendable (String) -> Bool = { _ in true }
        ) {
            self.host = host
            self.network = network
            self.adminNetwork = adminNetwork
            self.readableFile = readableFile
        }

        /// Whether there is something, and no white space or control character in it.
        @Sendable public static func isToken(_ text: String) -> Bool {
            !text.isEmpty && text.unicodeScalars.allSatisfy { $0.value > 0x20 && !$0.properties.isWhitespace }
        }
    }
}

/// One key as it is in force.
public struct EffectiveSetting: Sendable, Equatable {
    public let key: String
    /// The value's text, its secrets redacted; the words of `ConfigurationKey.defaultText` where nothing is set.
    public let value: String
    public let origin: ConfigurationOrigin
}

extension Configuration {
    /// Every key with the value in force and where it came from, in the order of `ConfigurationKey.all`.
    public var effective: [EffectiveSetting] {
        ConfigurationKey.all.map { key in
            given[key.name] ?? EffectiveSetting(key: key.name, value: key.defaultText, origin: .default)
        }
    }
}
