extension Configuration {
    /// Where images may come from.
    public struct Source: Sendable, Equatable {
        /// Hosts that may be asked: a name, `*.example.com` for its subdomains, `*` for all. Default: none.
        public var allowedHosts: [String] = []
        /// `CIDR` or `CIDR:port` that may be connected to although it is not globally reachable. Default: none.
        public var allowedNetworks: [String] = []
        /// Ports that may be connected to. Default: those of http and https.
        public var allowedPorts: Set<UInt16> = [80, 443]

        public init() {}
    }
}

extension Configuration.Source {
    static var keys: [ConfigurationKey] {
        [
            ConfigurationKey(
                "IMAGE_PROXY_ALLOWED_HOSTS", { $0.source.allowedHosts = $1 }, .none,
                .validated("hosts such as images.example.com, *.example.com or *") { $0.host },
                "hosts that images may come from; needed, unless URLs are signed"),
            ConfigurationKey(
                "IMAGE_PROXY_ALLOWED_NETWORKS", { $0.source.allowedNetworks = $1 }, .none,
                .validated("networks such as 10.1.0.0/16, 10.1.2.3/32:8080 or fd00::/8") { $0.network },
                "addresses that may be connected to although they are not globally reachable"),
            ConfigurationKey(
                "IMAGE_PROXY_ALLOWED_PORTS", { $0.source.allowedPorts = $1 }, "80,443", .ports,
                "ports that may be connected to, beside those named in IMAGE_PROXY_ALLOWED_NETWORKS"),
        ]
    }
}
