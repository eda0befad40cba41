/// Every way in which Redis can fail us.
///
/// All but `refused` end the connection: it is closed before the error is thrown and every later call on it throws
/// `closed`, so that bytes meant for one call can never be taken for the answer to another.
public enum RedisError: Error, Hashable, Sendable {
    /// No connection came about; the text is the system's or the resolver's, for a log.
    case connectionFailed(String)
    /// The time for the call was over.
    case timedOut
    /// The peer closed or reset the connection, or it was given up after an earlier failure.
    case closed
    /// What came is not RESP, not of the type the command answers with, or out of step.
    case protocolViolation
    /// Redis answered with an error: its first word (`LOADING`, `READONLY`, `OOM`, …) and the whole of it.
    case refused(code: String, message: String)
    /// The answer is larger than the caller or this module allows.
    case tooLarge
    /// A key was written anew while its value was being opened, so tail and value do not belong together.
    case overwritten
    /// A value was written with more or fewer bytes than announced; Redis has stored nothing.
    case lengthMismatch

    /// How much of Redis a failure says cannot be used now. A circuit breaker opens as far as this.
    public enum Reach: Sendable, Hashable {
        /// This one key or value; the next may well work.
        case value
        /// Nothing can be written, but reads go on.
        case writes
        /// The server as a whole.
        case server
    }

    /// Whether the connection was closed by this failure. After `refused` it can be used further.
    public var isConnectionLost: Bool {
        if case .refused = self { false } else { true }
    }

    /// How far the failure reaches.
    public var reach: Reach {
        switch self {
        case .tooLarge, .overwritten, .lengthMismatch: .value
        case .refused(let code, _): Self.reach(ofCode: code)
        case .connectionFailed, .timedOut, .closed, .protocolViolation: .server
        }
    }

    private static func reach(ofCode code: String) -> Reach {
        switch code {
        case "WRONGTYPE": .value
        case "READONLY", "OOM", "MISCONF", "NOREPLICAS": .writes
        default: .server
        }
    }

    /// An error answer of Redis, without its leading `-`, as a pipeline returns it.
    public init(refusal message: String) {
        let code = message.prefix { $0 != " " }
        self = .refused(code: String(code), message: message)
    }
}

extension RedisError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .connectionFailed(let reason): "cannot connect to Redis: \(reason)"
        case .timedOut: "Redis did not answer in time"
        case .closed: "Redis closed the connection"
        case .protocolViolation: "what answers does not speak Redis' protocol"
        case .refused(_, let message): message
        case .tooLarge: "the value is too large"
        case .overwritten: "the value was written anew while it was read"
        case .lengthMismatch: "the value did not have its announced length"
        }
    }
}
