/// One entry of an operator's host list.
public enum HostPattern: Sendable, Hashable {
    /// `*`: every host.
    case any
    /// `images.example.com`, `192.0.2.1`, `[2001:db8::1]`: this host.
    case exactly(SourceURL.Host)
    /// `*.example.com`: every name below this one, whatever the depth, and not the name itself.
    case subdomains(of: String)

    /// Reads a pattern, in either case of letters. What is not a whole host, or `*.` and a name, is no pattern: no scheme,
    /// port, path, or `*` elsewhere.
    public init?(_ text: some StringProtocol) {
        if text == "*" {
            self = .any
        } else if text.hasPrefix("*.") {
            guard case .name(let parent)? = SourceURL.Host(text.dropFirst(2)) else { return nil }
            self = .subdomains(of: parent)
        } else if let host = SourceURL.Host(text) ?? IPAddress(text).map(SourceURL.Host.address) {
            self = .exactly(host)
        } else {
            return nil
        }
    }

    /// Whether `host` is one of those meant. A subdomain begins at a dot: `evilexample.com` is not below `example.com`.
    public func matches(_ host: SourceURL.Host) -> Bool {
        switch (self, host) {
        case (.any, _): true
        case (.exactly(let expected), _): host == expected
        case (.subdomains(let parent), .name(let name)): name.hasSuffix(".\(parent)")
        case (.subdomains, .address): false
        }
    }
}

extension HostPattern: CustomStringConvertible {
    /// The text form, which reads back as the same pattern.
    public var description: String {
        switch self {
        case .any: "*"
        case .exactly(let host): "\(host)"
        case .subdomains(let parent): "*.\(parent)"
        }
    }
}

/// The hosts whose images are proxied. An empty list admits none.
public struct HostList: Sendable, Hashable {
    /// The entries, in the order in which they were configured.
    public let patterns: [HostPattern]

    /// A list of these entries.
    public init(_ patterns: [HostPattern]) {
        self.patterns = patterns
    }

    /// Whether an entry matches `host`. It says nothing of the addresses that the name has.
    public func admits(_ host: SourceURL.Host) -> Bool {
        pattern(for: host) != nil
    }

    /// The first entry that matches `host`.
    public func pattern(for host: SourceURL.Host) -> HostPattern? {
        patterns.first { $0.matches(host) }
    }
}
