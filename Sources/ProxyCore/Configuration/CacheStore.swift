/// Where cached images live: `redis://[user:password@]host:port/db`, `unix:/path.sock?db=0`, `file:/dir` or `off`.
public enum CacheStore: Sendable, Equatable {
    case redis(RedisLocation)
    /// The embedded store, in a directory.
    case directory(String)
    case off

    /// Reads one of the forms above. The reason of a refusal holds no part of the text, which may hold a password.
    init(parsing text: String) throws(MalformedValue) {
        if text == "off" {
            self = .off
        } else if let rest = ConfigurationText.dropping("redis:", from: text) {
            self = .redis(try RedisLocation(parsingServer: rest))
        } else if let rest = ConfigurationText.dropping("unix:", from: text) {
            self = .redis(try RedisLocation(parsingSocket: rest))
        } else if let path = ConfigurationText.dropping("file:", from: text) {
            self = .directory(try Self.directory(path))
        } else if ConfigurationText.dropping("rediss:", from: text) != nil {
            throw MalformedValue(note: "Redis over TLS is not supported")
        } else {
            throw MalformedValue()
        }
    }

    /// `text` as it may be shown, whether or not it can be read. Of what cannot be read, only the scheme is sure to be no
    /// part of a login.
    static func redact(_ text: String) -> String {
        if let store = try? CacheStore(parsing: text) { return store.description }
        if ConfigurationText.dropping("file:", from: text) != nil { return text }
        let (scheme, rest) = ConfigurationText.split(text, atFirst: ":")
        if scheme.utf8.contains(UInt8(ascii: "@")) { return Secret.redacted }
        return rest == nil ? scheme : "\(scheme):\(Secret.redacted)"
    }

    /// What `file:` may begin with instead of a path: whoever uploads files often does not know where they are.
    private static let here = "{here}"

    /// `text` with the folder of the configuration file in the place of `{here}`.
    fileprivate static func placed(_ text: String, _ folder: String?) throws(MalformedValue) -> String {
        guard let rest = ConfigurationText.dropping("file:\(here)", from: text) else { return text }
        guard let folder else {
            throw MalformedValue(
                note: "\(here) is the folder of the configuration file, and none was read by its whole path")
        }
        guard rest.utf8.count > 1, rest.hasPrefix("/") else {
            throw MalformedValue(note: "behind \(here) stands no / and name: the cache needs a folder of its own")
        }
        return "file:\(folder)\(rest)"
    }

    /// `file:/dir`, or `file:///dir` as a URL has it; `//host/dir` names another machine.
    private static func directory(_ text: String) throws(MalformedValue) -> String {
        let path = text.hasPrefix("///") ? String(text.dropFirst(2)) : text
        guard ConfigurationText.isAbsolutePath(path), !path.hasPrefix("//") else {
            throw MalformedValue(note: "the directory is not an absolute path")
        }
        return path
    }
}

extension CacheStore: CustomStringConvertible {
    /// The form it was read from, its password redacted.
    public var description: String {
        switch self {
        case .redis(let location): location.description
        case .directory(let path): "file:\(path)"
        case .off: "off"
        }
    }
}

extension ValueForm<CacheStore> {
    static var store: Self {
        Self(
            expected: {
                "redis://[user:password@]host:port/db, unix:/path.sock?db=0, file:/dir, file:{here}/dir or off"
            },
            read: { (text, context) throws(MalformedValue) in
                try CacheStore(parsing: try CacheStore.placed(text, context.fileFolder))
            },
            redact: CacheStore.redact)
    }
}
