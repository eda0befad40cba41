/// Which URLs may be fetched, as far as the URL alone tells. It asks nothing of the network.
///
/// A request passes here first, and so does each redirect hop. Passing is a leave to resolve the host, not to connect:
/// `addresses` has the last word, on the very address that is dialled, and no host entry overrides it.
public struct SourcePolicy: Sendable, Hashable {
    /// The hosts that may be asked.
    public let hosts: HostList
    /// The judge of what is dialled.
    public let addresses: AddressPolicy

    /// A policy for these hosts, on `ports`, and on the ports that `allowedNetworks` binds to their networks.
    public init(hosts: HostList, ports: Set<UInt16> = [80, 443], allowedNetworks: [AllowedNetwork] = []) {
        self.hosts = hosts
        self.addresses = AddressPolicy(ports: ports, allowedNetworks: allowedNetworks)
    }

    /// Throws why `url` is not to be fetched.
    public func authorize(_ url: SourceURL) throws(SourceDenial) {
        guard hosts.admits(url.host) else { throw .host }
        guard addresses.admitsSomeAddress(onPort: url.port) else { throw .port }
        guard admitsKnownAddress(of: url) else { throw .address }
    }

    /// Whether the addresses that are known without resolving, if any, may be dialled.
    private func admitsKnownAddress(of url: SourceURL) -> Bool {
        switch url.host {
        case .address(let address): addresses.admits(address, port: url.port)
        case .name(let name) where name == "localhost" || name.hasSuffix(".localhost"):
            // RFC 6761, 6.3: loopback, by whatever resolver.
            Self.loopback.contains { addresses.admits($0, port: url.port) }
        case .name: true
        }
    }

    private static let loopback: [IPAddress] = [.v4(0x7f00_0001), .v6(1)]
}

/// The rule that denied a source. A client is told only that one did.
public enum SourceDenial: Error, Sendable, Hashable, CaseIterable {
    /// The scheme is not http or https.
    case scheme
    /// The URL carries credentials.
    case userinfo
    /// The host is on no list.
    case host
    /// The port is not one that is dialled.
    case port
    /// The address is not globally reachable, and no exception names it with this port.
    case address
    /// The request is not signed with one of our keys, or not every part of it is.
    case signature
    /// The signature is right, and its time is over.
    case signatureExpired

    /// The value of the `reason` label in metrics and logs; it is API.
    public var reason: String {
        switch self {
        case .scheme: "scheme"
        case .userinfo: "userinfo"
        case .host: "host"
        case .port: "port"
        case .address: "address"
        case .signature: "signature"
        case .signatureExpired: "signature-expired"
        }
    }
}
