/// The key of one value in the cache.
public struct CacheKey: Equatable, Hashable, Sendable {
    /// The key as Redis gets it.
    public let bytes: [UInt8]
    private let url: Range<Int>

    fileprivate init(bytes: [UInt8], url: Range<Int>) {
        self.bytes = bytes
        self.url = url
    }
}

extension CacheKey {
    /// All bytes at once: an array's own hash takes them one by one, and every look-up hashes a key.
    public func hash(into hasher: inout Hasher) {
        unsafe bytes.withUnsafeBytes { unsafe hasher.combine(bytes: $0) }
    }
}

extension CacheKey {
    /// The key of something that belongs to this one and lives in the same slot of a cluster: Redis hashes what stands
    /// between the first `{` and the next `}` of a key, its tag, or else all of it. It is the key of no image: such a key
    /// begins with a template's prefix, and a URL, which anyone may choose, stands behind that.
    ///
    /// A key that has a `}` but no tag has no such companion; only a cluster minds.
    public func companion(_ name: String) -> [UInt8] {
        let name = Array(name.utf8)
        let colon = [UInt8(ascii: ":")]
        return hasTag ? name + colon + bytes : [UInt8(ascii: "{")] + bytes + [UInt8(ascii: "}")] + colon + name
    }

    private var hasTag: Bool {
        guard let opening = bytes.firstIndex(of: UInt8(ascii: "{")),
            let closing = bytes[opening...].firstIndex(of: UInt8(ascii: "}"))
        else { return false }
        return closing > opening + 1
    }
}

extension CacheKey: CustomStringConvertible {
    private static let describedLength = 256

    /// The key for a log: a query may hold a secret and is left out, what is not visible ASCII is escaped, and the length is
    /// bounded.
    public var description: String {
        let question = bytes[url].firstIndex(of: UInt8(ascii: "?"))
        let parts: [(ArraySlice<UInt8>, String)] = [
            (bytes[..<(question ?? url.upperBound)], question == nil ? "" : "?<redacted>"),
            (bytes[url.upperBound...], ""),
        ]
        var description = ""
        for (part, end) in parts {
            for byte in part.prefix(Self.describedLength) {
                let isVisible = (0x21...0x7e).contains(byte) && byte != UInt8(ascii: "\\")
                let hexadecimal = (byte < 0x10 ? "0" : "") + String(byte, radix: 16)
                description += isVisible ? String(UnicodeScalar(byte)) : "\\x" + hexadecimal
            }
            description += (part.count > Self.describedLength ? "..." : "") + end
        }
        return description
    }
}

/// How the key of a URL is made: a text in which `{url}` stands for the URL.
public struct CacheKeyTemplate: Hashable, Sendable, CustomStringConvertible {
    /// The longest template. With the longest URL that is accepted a key stays below 8 KiB.
    public static let maximumLength = 128

    private static let placeholder = Array("{url}".utf8)

    private let prefix: [UInt8]
    private let suffix: [UInt8]

    /// Nil unless `{url}` stands in `template` exactly once, and `template` is short and of one line.
    public init?(_ template: String) {
        let bytes = Array(template.utf8)
        let places = bytes.indices.filter { bytes[$0...].starts(with: Self.placeholder) }
        guard let place = places.first, places.count == 1, bytes.count <= Self.maximumLength,
            bytes.allSatisfy({ $0 > 0x20 && $0 != 0x7f })
        else { return nil }
        self.init(prefix: bytes[..<place], suffix: bytes[(place + Self.placeholder.count)...])
    }

    /// The keys that begin with `prefix` and end with the URL.
    public init(prefix: String) { self.init(prefix: Array(prefix.utf8)[...], suffix: []) }

    private init(prefix: ArraySlice<UInt8>, suffix: ArraySlice<UInt8>) {
        self.prefix = Array(prefix)
        self.suffix = Array(suffix)
    }

    /// The key of `url`, which is in it byte for byte: the TypeScript application has it so.
    public func key(for url: String) -> CacheKey {
        var bytes: [UInt8] = []
        let end = prefix.count + url.utf8.count
        bytes.reserveCapacity(end + suffix.count)
        bytes += prefix
        bytes += url.utf8
        bytes += suffix
        return CacheKey(bytes: bytes, url: prefix.count..<end)
    }

    /// The URL that `key` would be the key of; nil when it is none of this template.
    public func url(of key: some Collection<UInt8>) -> String? {
        guard key.count >= prefix.count + suffix.count, key.starts(with: prefix),
            key.suffix(suffix.count).elementsEqual(suffix)
        else { return nil }
        return String(validating: key.dropFirst(prefix.count).dropLast(suffix.count), as: UTF8.self)
    }

    /// The pattern for SCAN that matches the keys of this template and no others.
    public var matchPattern: [UInt8] { Self.escaped(prefix) + [UInt8(ascii: "*")] + Self.escaped(suffix) }

    /// The pattern for SCAN that matches those keys and their companions, and perhaps others.
    public var companionPattern: [UInt8] {
        let star = [UInt8(ascii: "*")]
        return star + Self.escaped(prefix) + star + Self.escaped(suffix) + star
    }

    public var description: String { String(decoding: prefix + Self.placeholder + suffix, as: UTF8.self) }

    private static func escaped(_ literal: [UInt8]) -> [UInt8] {
        let special = Array(#"*?[]\"#.utf8)
        return literal.flatMap { special.contains($0) ? [UInt8(ascii: "\\"), $0] : [$0] }
    }
}
