/// Where a FastCGI responder listens: `unix:/path/to.sock`, `127.0.0.1:9000` or `[::1]:9000`.
public enum FastCGIAddress: Equatable, Sendable, CustomStringConvertible {
    case unix(path: String)
    /// `host` is a numeric IPv4 or IPv6 address, without brackets, or `localhost`.
    case tcp(host: String, port: UInt16)

    /// `sun_path` of `sockaddr_un` holds 108 bytes with its NUL; the take-over name needs some of them (unix(7)).
    static let longestPath = 90

    /// Nil when `text` has neither form.
    public init?(_ text: String) {
        if text.hasPrefix("unix:") {
            let path = String(text.dropFirst("unix:".count))
            guard !path.isEmpty, path.utf8.count <= Self.longestPath, !path.utf8.contains(0) else { return nil }
            self = .unix(path: path)
            return
        }
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]), port > 0 else {
            return nil
        }
        var host = String(text[..<colon])
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = String(host.dropFirst().dropLast())
        } else if host.contains(":") {
            return nil
        }
        guard !host.isEmpty else { return nil }
        self = .tcp(host: host, port: port)
    }

    /// Whether only this machine can reach it. A FastCGI peer is trusted (it names the client's address, and libfcgi
    /// does not survive a hostile one), so anything else has to be asked for by name.
    public var isLocal: Bool {
        switch self {
        case .unix: true
        case .tcp(let host, _): host == "localhost" || host == "::1" || host.hasPrefix("127.")
        }
    }

    public var description: String {
        switch self {
        case .unix(let path): "unix:\(path)"
        case .tcp(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        }
    }
}
