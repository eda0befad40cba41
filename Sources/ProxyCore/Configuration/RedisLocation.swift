/// A Redis server: where it listens, whom to log in as, which database to use.
public struct RedisLocation: Sendable, Equatable {
    public enum Endpoint: Sendable, Equatable {
        /// A name or an address; an IPv6 address stands here without its brackets.
        case server(host: String, port: UInt16)
        case socket(path: String)
    }

    public var endpoint: Endpoint
    public var user: String?
    public var password: Secret?
    public var database: Int

    public init(endpoint: Endpoint, user: String? = nil, password: Secret? = nil, database: Int = 0) {
        self.endpoint = endpoint
        self.user = user
        self.password = password
        self.database = database
    }
}

extension RedisLocation {
    /// What follows `redis:`, as in `//user:password@host:6379/0`. Port and database may be left out.
    init(parsingServer text: String) throws(MalformedValue) {
        guard let rest = ConfigurationText.dropping("//", from: text) else {
            throw MalformedValue(note: "// is missing after redis:")
        }
        let (login, location) = Self.splitLogin(rest)
        let (authority, path) = ConfigurationText.split(location, atFirst: "/")
        let server = try HostAndPort(parsing: authority)
        let database = path ?? ""
        try self.init(
            endpoint: .server(host: server.host, port: server.port ?? 6379), login: login,
            database: database.isEmpty ? "0" : database)
    }

    /// What follows `unix:`, as in `/run/redis.sock?db=0`, or `user:password@/run/redis.sock` for a server that asks.
    init(parsingSocket text: String) throws(MalformedValue) {
        // A path may hold an @, so what begins as a path has no login.
        let (login, location) = text.utf8.first == UInt8(ascii: "/") ? (nil, text) : Self.splitLogin(text)
        let (path, query) = ConfigurationText.split(location, atFirst: "?")
        guard ConfigurationText.isAbsolutePath(path) else {
            throw MalformedValue(note: "the socket is not an absolute path")
        }
        // unix(7): sun_path has 108 bytes, one of them for the end.
        guard path.utf8.count <= 107 else { throw MalformedValue(note: "the socket's path is longer than 107 bytes") }
        guard let database = ConfigurationText.dropping("db=", from: query ?? "db=0") else {
            throw MalformedValue(note: "only ?db= may follow the path")
        }
        try self.init(endpoint: .socket(path: path), login: login, database: database)
    }

    private init(endpoint: Endpoint, login: String?, database: String) throws(MalformedValue) {
        guard let database = ConfigurationText.number(database), database <= Int32.max else {
            throw MalformedValue(note: "the database is not a number")
        }
        self.init(endpoint: endpoint, database: database)
        guard let login else { return }
        let (user, password) = ConfigurationText.split(login, atFirst: ":")
        guard let password else {
            throw MalformedValue(note: "before the @ stands no user:password (:password without a user)")
        }
        guard let user = user.percentDecoded, let password = password.percentDecoded, !password.isEmpty else {
            throw MalformedValue(note: "the user or the password is empty or not percent-encoded UTF-8")
        }
        self.user = user.isEmpty ? nil : user
        self.password = Secret(password)
    }

    /// The login ends at the last `@`: a password that was not percent-encoded may hold one.
    private static func splitLogin(_ text: String) -> (login: String?, location: String) {
        guard let at = text.utf8.lastIndex(of: UInt8(ascii: "@")) else { return (nil, text) }
        let location = text.utf8[at...].dropFirst()
        return (String(decoding: text.utf8[..<at], as: UTF8.self), String(decoding: location, as: UTF8.self))
    }
}

extension RedisLocation: CustomStringConvertible {
    /// The form it was read from, with every part written out and the password redacted.
    public var description: String {
        let login = password.map { "\(user ?? ""):\($0)@" } ?? ""
        switch endpoint {
        case .server(let host, let port):
            let isIPv6 = host.utf8.contains(UInt8(ascii: ":"))
            return "redis://\(login)\(isIPv6 ? "[\(host)]" : host):\(port)/\(database)"
        case .socket(let path): return "unix:\(login)\(path)?db=\(database)"
        }
    }
}

extension String {
    /// RFC 3986, 2.1, decoded once; nil for a `%` without two hexadecimal digits, and for what is not UTF-8.
    fileprivate var percentDecoded: String? {
        var decoded: [UInt8] = []
        var bytes = utf8.makeIterator()
        while let byte = bytes.next() {
            guard byte == UInt8(ascii: "%") else {
                decoded.append(byte)
                continue
            }
            guard let high = bytes.next().flatMap(Self.hexValue), let low = bytes.next().flatMap(Self.hexValue)
            else { return nil }
            decoded.append(high << 4 | low)
        }
        return String(validating: decoded, as: UTF8.self)
    }

    private static func hexValue(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
