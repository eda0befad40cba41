/// Which sources of a cache an operator means.
public struct CacheSelection: Sendable, Hashable {
    /// Where they come from.
    public enum Scope: Sendable, Hashable {
        /// This one, in this spelling.
        case url(String)
        case host(HostPattern)
        case prefix(URLPrefix)
        case all
    }

    public let scope: Scope
    /// Only those that have been in the cache for longer than this.
    public let minimumAge: Duration?

    public init(_ scope: Scope, olderThan minimumAge: Duration? = nil) {
        self.scope = scope
        self.minimumAge = minimumAge
    }

    /// Whether the URL of a source is one that is meant, whatever its age.
    public func includes(_ urlText: String) -> Bool {
        switch scope {
        case .url(let url): url.utf8.elementsEqual(urlText.utf8)
        case .host(let pattern): (try? SourceURL(urlText)).map { pattern.matches($0.host) } ?? false
        case .prefix(let prefix): prefix.matches(urlText)
        case .all: true
        }
    }

    /// Whether what came into the cache at `cachedAt` is old enough at `now`, both in Unix milliseconds. What has no time
    /// is never old enough.
    public func includes(cachedAt: Int64?, at now: Int64) -> Bool {
        guard let minimumAge else { return true }
        guard let cachedAt else { return false }
        return .milliseconds(now.saturatingSubtracting(cachedAt)) > minimumAge
    }
}

/// What the URLs of a part of an origin begin with.
public struct URLPrefix: Sendable, Hashable {
    private let text: String
    private let source: SourceURL

    /// Nil unless it is an absolute http or https URL whose host has ended: `https://example.com` begins the URLs of
    /// `example.community`, too.
    public init?(_ text: String) {
        guard let source = try? SourceURL(text), text.utf8.count(where: { $0 == UInt8(ascii: "/") }) > 2,
            !text.utf8.contains(UInt8(ascii: "#"))
        else { return nil }
        self.text = text
        self.source = source
    }

    /// Whether `urlText` begins with it, as it is written or as it is asked for.
    public func matches(_ urlText: String) -> Bool {
        if urlText.utf8.starts(with: text.utf8) { return true }
        guard let url = try? SourceURL(urlText) else { return false }
        return url.text.utf8.starts(with: source.text.utf8)
    }
}
