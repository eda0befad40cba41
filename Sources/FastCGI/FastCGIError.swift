/// What can go wrong between us and the web server.
public enum FastCGIError: Error, Equatable, Sendable {
    /// The web server closed the connection: whoever it spoke for has left.
    case peerGone
    /// The web server took no bytes, or sent none, for as long as the connection's time limit.
    case timedOut
    /// What arrived was no FastCGI request.
    case protocolViolation
    /// The listening socket could not be made. `call` is the system call or rule that refused, `reason` its words.
    case cannotListen(address: String, call: String, reason: String)
}

extension FastCGIError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .peerGone: "the web server has gone"
        case .timedOut: "the web server takes nothing"
        case .protocolViolation: "not a FastCGI request"
        case .cannotListen(let address, let call, let reason): "\(address): \(call): \(reason)"
        }
    }
}
