/// What the address policy says of one address on one port, and by which rule: its decisions, told to an operator.
public enum AddressVerdict: Sendable, Hashable {
    /// An ordinary public address.
    case reachable
    /// An exception that the operator made.
    case exception(AllowedNetwork)
    /// A port that nothing opens for this address.
    case port
    /// In a network that is set apart.
    case special(SpecialPurposeNetwork)
    /// IPv6 that embeds an IPv4 address which is not reachable.
    case embeds(IPAddress)
    /// IPv6 outside the space that IANA has handed out.
    case unassigned

    /// Whether it may be connected to.
    public var isAdmitted: Bool {
        switch self {
        case .reachable, .exception: true
        case .port, .special, .embeds, .unassigned: false
        }
    }
}

extension AddressVerdict: CustomStringConvertible {
    /// The rule in words.
    public var description: String {
        switch self {
        case .reachable: "globally reachable"
        case .exception(let network): "IMAGE_PROXY_ALLOWED_NETWORKS has \(network)"
        case .port: "the port is not allowed for this address"
        case .special(let network): "\(network.name), \(network.network) (\(network.specification))"
        case .embeds(let address): "embeds \(address), which is not globally reachable"
        case .unassigned: "outside 2000::/3, the space of global unicast addresses"
        }
    }
}

extension AddressPolicy {
    /// What `admits` answers, with its reason.
    public func verdict(on address: IPAddress, port: UInt16) -> AddressVerdict {
        if let exception = exception(for: address, port: port) { return .exception(exception) }
        if address.isGloballyReachable { return ports.contains(port) ? .reachable : .port }
        if let network = address.specialPurpose { return .special(network) }
        if let embedded = address.embeddedIPv4.first(where: { !$0.isGloballyReachable }) { return .embeds(embedded) }
        return .unassigned
    }
}
