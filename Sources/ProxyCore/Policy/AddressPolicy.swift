/// Which resolved address may be dialled on which port: the check that stands between libcurl and `connect`.
///
/// A name is no evidence of an address. Whatever was decided about a URL, each address that is about to be dialled, on
/// every redirect hop and on every connection that is used again, is judged here by its number.
public struct AddressPolicy: Sendable, Hashable {
    /// The ports that are allowed for every address that is.
    public let ports: Set<UInt16>
    /// The operator's exceptions.
    public let allowedNetworks: [AllowedNetwork]

    /// A policy that admits public addresses and the exceptions in `allowedNetworks`.
    public init(ports: Set<UInt16> = [80, 443], allowedNetworks: [AllowedNetwork] = []) {
        self.ports = ports
        self.allowedNetworks = allowedNetworks
    }

    /// Whether a connection to `address` on `port` may be opened, or used again.
    ///
    /// A port that only an exception names is open in that exception's network alone: `10.0.0.0/8:8080` opens no port
    /// of a public address.
    public func admits(_ address: IPAddress, port: UInt16) -> Bool {
        if ports.contains(port) && address.isGloballyReachable { return true }
        return exception(for: address, port: port) != nil
    }

    /// The exception that admits a connection, if one does.
    func exception(for address: IPAddress, port: UInt16) -> AllowedNetwork? {
        allowedNetworks.first { exception in
            exception.network.contains(address) && (exception.port.map { $0 == port } ?? ports.contains(port))
        }
    }

    /// Whether there is any address at all that may be dialled on `port`.
    public func admitsSomeAddress(onPort port: UInt16) -> Bool {
        ports.contains(port) || allowedNetworks.contains { $0.port == port }
    }
}
