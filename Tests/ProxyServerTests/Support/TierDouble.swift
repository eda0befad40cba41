import ProxyCore
import Synchronization

@testable import ProxyServer

/// A cache in memory that can be told to be away.
final class TierDouble: CacheTier {
    struct Entry { var type: MediaType, bytes: [UInt8], expiresAt: Int64 }

    private let state = Mutex<State>(State())

    private struct State {
        var images: [String: Entry] = [:]
        var metadata: [String: ImageMetadata] = [:]
        var isAvailable = true
        var damage: String?
        var piecesBeforeDamage = Int.max
    }

    var isAvailable: Bool {
        get { state.withLock { $0.isAvailable } }
        set { state.withLock { $0.isAvailable = newValue } }
    }

    subscript(url: String) -> Entry? {
        get { state.withLock { $0.images[url] } }
        set { state.withLock { $0.images[url] = newValue } }
    }

    func metadata(of url: String) -> ImageMetadata? { state.withLock { $0.metadata[url] } }

    /// What the next look-ups find damaged.
    func damage(_ reason: String) { state.withLock { $0.damage = reason } }

    /// Hits break off after so many pieces of 10 bytes.
    func breakOff(after pieces: Int) { state.withLock { $0.piecesBeforeDamage = pieces } }

    func lookup(_ urlText: String) -> CacheLookup {
        state.withLock { state in
            guard state.isAvailable else { return .unavailable }
            if let damage = state.damage { return .damaged(reason: damage) }
            guard let entry = state.images[urlText] else { return .absent }
            return .hit(
                CachedImage(
                    type: entry.type, size: entry.bytes.count, expiresAt: entry.expiresAt,
                    fingerprint: RecordFingerprint(
                        key: CacheKeyTemplate(prefix: "").key(for: urlText), tail: [], length: entry.bytes.count),
                    body: MemoryBody(entry.bytes, pieces: state.piecesBeforeDamage)))
        }
    }

    func store(_ image: TeeBuffer, of urlText: String, type: MediaType, fetchedAt: Int64) throws(CacheFailure) {
        guard isAvailable else { throw CacheFailure(reason: "away") }
        self[urlText] = Entry(type: type, bytes: image.chunks.flatMap { $0 }, expiresAt: fetchedAt + 1000)
    }

    func storeMetadata(_ metadata: ImageMetadata, of urlText: String) throws(CacheFailure) {
        state.withLock { $0.metadata[urlText] = metadata }
    }

    func statistics() throws(CacheFailure) -> CacheStatistics {
        guard isAvailable else { throw CacheFailure(reason: "away") }
        return state.withLock { state in
            var statistics = CacheStatistics()
            statistics.totalImages = state.images.count
            statistics.totalSize = state.images.values.reduce(0) { $0 + $1.bytes.count }
            return statistics
        }
    }
}

private final class MemoryBody: CachedBody {
    private let bytes: [UInt8]
    private let pieces: Int

    init(_ bytes: [UInt8], pieces: Int) { (self.bytes, self.pieces) = (bytes, pieces) }

    func forEachPiece(_ body: (RawSpan) throws(ProxyError) -> Void) throws(ProxyError) -> Bool {
        for (number, start) in stride(from: 0, to: bytes.count, by: 10).enumerated() {
            guard number < pieces else { return false }
            let piece = Array(bytes[start..<min(start + 10, bytes.count)])
            try body(RawSpan(_elements: piece.span))
        }
        return true
    }
}
