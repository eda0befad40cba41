extension Configuration {
    /// How we serve.
    public struct Server: Sendable, Equatable {
        /// Worker threads; nil is a number that suits the machine. Default: nil.
        public var workers: Int?
        /// What `Access-Control-Allow-Origin` says; nil is nothing. Default: nil.
        public var corsOrigin: String?
        /// Who may see stats, metrics and status. Default: this machine.
        public var adminNetworks = Self.loopback
        /// How long requests in flight and the cache's queue have to end on SIGTERM. Default: 25 s.
        public var drainTimeout = Duration.seconds(25)

        /// Where health and statistics are answered by threads of their own: `unix:/path` or `host:port`. Default: nowhere.
        public var statusListen: String?

        /// Whether responses say where their time went (Server-Timing). Default: no, origins' times are nobody's business.
        public var sendsServerTiming = false
        /// Whether Cache-Status names the cache key. Default: no.
        public var showsCacheKey = false

        public init() {}

        fileprivate static let loopback = ["127.0.0.0/8", "::1/128"]
    }
}

extension Configuration.Server {
    static var keys: [ConfigurationKey] {
        [
            ConfigurationKey(
                "IMAGE_PROXY_WORKERS", { $0.server.workers = $1 }, .inWords("sized for the machine"),
                ValueForm<Int>.number(1...1024).orNone,
                "worker threads"),
            ConfigurationKey(
                "IMAGE_PROXY_CORS_ORIGIN", { $0.server.corsOrigin = $1 }, .none, ValueForm<String>.corsOrigin.orNone,
                "what Access-Control-Allow-Origin says"),
            ConfigurationKey(
                "IMAGE_PROXY_ADMIN_NETWORKS", { $0.server.adminNetworks = $1 }, "loopback", .adminNetworks,
                "who may see stats, metrics and status"),
            ConfigurationKey(
                "IMAGE_PROXY_DRAIN_TIMEOUT", { $0.server.drainTimeout = $1 }, "25s", .time(.zero ... .seconds(60 * 60)),
                "how long requests in flight and the cache's queue have to end on SIGTERM"),
            ConfigurationKey(
                "IMAGE_PROXY_STATUS_LISTEN", { $0.server.statusListen = $1 }, .none,
                ValueForm<String>.listenAddress.orNone,
                "a socket of its own for health, stats, metrics and status, which answers while every worker is busy"),
            ConfigurationKey(
                "IMAGE_PROXY_SERVER_TIMING", { $0.server.sendsServerTiming = $1 }, "off", .onOff,
                "on: responses say in Server-Timing where their time went"),
            ConfigurationKey(
                "IMAGE_PROXY_CACHE_STATUS_KEY", { $0.server.showsCacheKey = $1 }, "off", .onOff,
                "on: Cache-Status names the cache key"),
            ConfigurationKey(
                handledByCaller: "IMAGE_PROXY_CONFIG", .inWords("image-proxy.conf, see --config"),
                expected: "the path of a file",
                "the configuration file, where --config names none"),
        ]
    }
}

extension ValueForm<[String]> {
    /// Networks, where the word `loopback` stands for those of this machine.
    fileprivate static var adminNetworks: Self {
        let networks = validated("networks such as 10.1.0.0/16 or fd00::/8, and the word loopback") { validators in
            { $0 == "loopback" || validators.adminNetwork($0) }
        }
        return Self(expected: networks.expected) { (text, context) throws(MalformedValue) in
            try networks.read(text, context).flatMap { $0 == "loopback" ? Configuration.Server.loopback : [$0] }
        }
    }
}

extension ValueForm<String> {
    /// An address to listen on, as `serve --listen` takes it. What it takes beyond this shows when it listens.
    fileprivate static var listenAddress: Self {
        Self("unix:/path/of.sock or an address and a port such as 127.0.0.1:9001") { text in
            if let path = ConfigurationText.dropping("unix:", from: text) {
                return ConfigurationText.isAbsolutePath(path) ? text : nil
            }
            return (try? HostAndPort(parsing: text))?.port == nil ? nil : text
        }
    }

    /// `*`, or an origin as a browser serializes it (RFC 6454, 6.1): lower case, and nothing after the port.
    fileprivate static var corsOrigin: Self {
        Self("* or one origin such as https://www.example.com (lower case, no path)") { text in
            text == "*" || isSerializedOrigin(text) ? text : nil
        }
    }

    private static func isSerializedOrigin(_ text: String) -> Bool {
        let schemes = ["https://", "http://"]
        guard let authority = schemes.lazy.compactMap({ ConfigurationText.dropping($0, from: text) }).first,
            authority.utf8.allSatisfy({ !(UInt8(ascii: "A")...UInt8(ascii: "Z") ~= $0) && $0 != UInt8(ascii: "%") })
        else { return false }
        return (try? HostAndPort(parsing: authority)) != nil
    }
}
