/// Every key under which something of a source may stand, and whose a key is.
///
/// The Redis may be shared. A key is ours only when its name is exactly one that we would give: a template with an http or
/// https URL in it, or a companion of such a key.
///
/// The one place that knows which keys belong to a source: more than one image of a source would be told apart here.
public struct CacheKeys: Sendable, Hashable {
    private let images: CacheKeyTemplate
    private let metadata: CacheKeyTemplate

    /// The keys that the configuration describes.
    public init(_ cache: Configuration.Cache) {
        images = cache.imageKey
        metadata = cache.metadataKey
    }

    /// What stands under a key.
    public enum Kind: String, Sendable, CaseIterable {
        case image, metadata
        /// Who fetches the image, or what is to be said instead of it.
        case lease
        /// An image that is being written.
        case draft
    }

    /// A key of ours.
    public struct Owned: Sendable, Hashable {
        public let bytes: [UInt8]
        public let kind: Kind
        /// The source.
        public let urlText: String
    }

    /// The keys of a source that are known by its URL alone, which all are but those of drafts.
    public func keys(of urlText: String) -> [Owned] {
        let image = images.key(for: urlText)
        return [
            Owned(bytes: image.bytes, kind: .image, urlText: urlText),
            Owned(bytes: metadata.key(for: urlText).bytes, kind: .metadata, urlText: urlText),
            Owned(bytes: image.companion(CacheKey.leaseName), kind: .lease, urlText: urlText),
        ]
    }

    /// What `key` is to us; nil when it is another's.
    public func owned(_ key: [UInt8]) -> Owned? {
        if let url = images.url(of: key), Self.isSource(url) { return Owned(bytes: key, kind: .image, urlText: url) }
        if let url = metadata.url(of: key), Self.isSource(url) {
            return Owned(bytes: key, kind: .metadata, urlText: url)
        }
        return companion(key)
    }

    /// The patterns for SCAN that find every key of ours, among others.
    public var patterns: [[UInt8]] { [images.companionPattern, metadata.matchPattern] }

    private func companion(_ key: [UInt8]) -> Owned? {
        for (name, rest) in [Self.splitBehindTag(key), Self.splitInFront(key)].compactMap(\.self) {
            guard let kind = Self.kind(ofCompanion: name), let url = images.url(of: rest), Self.isSource(url),
                images.key(for: url).companion(name) == key
            else { continue }
            return Owned(bytes: key, kind: kind, urlText: url)
        }
        return nil
    }

    /// `{key}:name`
    private static func splitBehindTag(_ key: [UInt8]) -> (name: String, rest: ArraySlice<UInt8>)? {
        guard key.first == UInt8(ascii: "{"), let colon = key.lastIndex(of: UInt8(ascii: ":")), colon >= 2,
            key[colon - 1] == UInt8(ascii: "}")
        else { return nil }
        return (String(decoding: key[(colon + 1)...], as: UTF8.self), key[1..<(colon - 1)])
    }

    /// `name:key`
    private static func splitInFront(_ key: [UInt8]) -> (name: String, rest: ArraySlice<UInt8>)? {
        guard let colon = key.firstIndex(of: UInt8(ascii: ":")) else { return nil }
        return (String(decoding: key[..<colon], as: UTF8.self), key[(colon + 1)...])
    }

    private static func kind(ofCompanion name: String) -> Kind? {
        if name == CacheKey.leaseName { return .lease }
        guard name.hasPrefix(CacheKey.draftPrefix) else { return nil }
        let token = name.utf8.dropFirst(CacheKey.draftPrefix.utf8.count)
        return 1...16 ~= token.count && token.allSatisfy { URIText.hexadecimalValue($0) != nil } ? .draft : nil
    }

    /// Only such URLs are ever asked for. The parser of today may refuse what one of yesterday took, so it is not asked.
    private static func isSource(_ urlText: String) -> Bool {
        let beginning = urlText.utf8.prefix(8).map(URIText.lowercased)
        return beginning.starts(with: "http://".utf8) || beginning.elementsEqual("https://".utf8)
    }
}

extension CacheKey {
    /// The companion that holds the lease on the fetch of an image.
    public static let leaseName = "fetch"
    /// What the name of the companion under which an image is being written begins with; a token follows.
    public static let draftPrefix = "draft-"
}
