/// Where a Redis server is, and as whom and to which of its databases we connect.
public struct RedisEndpoint: Sendable, Hashable {
    /// The transport address of the server.
    public enum Address: Sendable, Hashable {
        /// A host name or an IP literal (IPv6 without brackets), and a port.
        case tcp(host: String, port: UInt16)
        /// The path of a Unix socket; the kernel takes at most 107 bytes.
        case unix(path: String)
    }

    /// Where the server listens.
    public var address: Address
    /// The ACL user (Redis 6 and later); nil is Redis' `default` user.
    public var user: String?
    /// Sent by `AUTH` when a connection opens; nil sends none.
    public var password: String?
    /// Chosen by `SELECT` when a connection opens, unless it is 0.
    public var database: Int

    /// Describes a server; nothing is looked up or opened.
    public init(_ address: Address, user: String? = nil, password: String? = nil, database: Int = 0) {
        self.address = address
        self.user = user
        self.password = password
        self.database = database
    }

    /// What must be said, and answered with OK, before a new connection serves this endpoint.
    var handshake: [[RedisArgument]] {
        var commands: [[RedisArgument]] = []
        if let password {
            let name = user.map { [RedisArgument($0)] } ?? []
            commands.append(["AUTH"] + name + [RedisArgument(password)])
        }
        if database != 0 { commands.append(["SELECT", RedisArgument(database)]) }
        return commands
    }
}

// An endpoint ends up in log lines: it shows the place, never the password.
extension RedisEndpoint: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The address and the database, without user and password.
    public var description: String {
        switch address {
        case .tcp(let host, let port):
            let host = host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]" : host
            return "redis://\(host):\(port)/\(database)"
        case .unix(let path): return "unix:\(path)?db=\(database)"
        }
    }
    /// The same as `description`.
    public var debugDescription: String { description }
    /// The same as `description`, so that `dump` does not show the password either.
    public var customMirror: Mirror { Mirror(self, children: ["description": description]) }
}

/// How long a connection may keep its caller waiting.
public struct RedisTimeouts: Sendable, Hashable {
    /// For a new connection: name, transport, `AUTH` and `SELECT` together.
    public var connect: Duration
    /// For a command or a pipeline with its answers, and for each step of a streamed string.
    public var command: Duration

    /// Times are for a Redis on the same machine or network; a cache that takes longer is no cache.
    public init(connect: Duration = .milliseconds(250), command: Duration = .milliseconds(500)) {
        self.connect = connect
        self.command = command
    }
}
