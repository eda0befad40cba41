import ProxyCore

/// What a cleaning has found, and removed unless it was a dry run.
public struct CleanReport: Sendable, Equatable {
    /// Keys that were looked at.
    public internal(set) var checked = 0
    public internal(set) var found: [Waste: Int] = [:]
    /// Bytes of the values that were found.
    public internal(set) var bytes = 0
    /// False when it was stopped before its end.
    public internal(set) var isComplete = true
}

/// A kind of value that is of no use to anybody.
public enum Waste: String, Sendable, CaseIterable {
    /// An image that is longer or shorter than its record says, as the TypeScript application left those that it wrote in
    /// chunks.
    case cut
    /// A record of an image, or metadata, that cannot be read.
    case damaged
    /// A value under a key of ours that is laid out in another way.
    case foreign
    /// Metadata of an image that could be cached, is not, and would have expired.
    case orphan
    /// A temporary key that would never expire.
    case draft
    /// The lease of a fetch that never ends.
    case lease
}

extension Waste {
    /// By the reason that a record was refused for.
    init(damage reason: String) {
        switch RecordError(rawValue: reason) {
        case .sizeMismatch: self = .cut
        case .notAnObject, .missingField, .wrongType: self = .foreign
        default: self = .damaged
        }
    }
}

extension Configuration {
    /// Whether the image that these metadata are of, and that is not in the cache, was there and would have expired.
    func hasOutlivedItsImage(_ metadata: ImageMetadata, at now: Int64) -> Bool {
        // Of what is not cached metadata is all there is.
        guard SizeGate(limit: cache.maximumSize.bytes).admits(metadata.size) else { return false }
        let window = max(freshness.staleWhileRevalidate, freshness.staleIfError)
        return .milliseconds(max(0, now &- metadata.cachedAt)) > cache.imageTTL + window
    }
}
