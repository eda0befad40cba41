import ProxyCore
import Synchronization

/// Finds the images that are asked for so often that they had better be refreshed before they are stale, so that nobody
/// gets them stale: those hit several times in the last tenth of their lifetime.
///
/// Sendable: its state is behind a lock, which is taken in that last tenth only.
final class RefreshAhead: Sendable {
    private let hits = Mutex<[RecordFingerprint: Int]>([:])

    private static let hitsBefore = 3
    private static let mostCounted = 4096

    /// Counts a hit; true for the one that makes a refresh due.
    func isDue(_ image: CachedImage, _ stored: StoredResponse, at now: Int64) -> Bool {
        let left = stored.freshnessLeft(at: now)
        guard left <= (left + stored.age(at: now)) / 10 else { return false }
        return hits.withLock { hits in
            // Images of which nobody has heard for long are among them; all begin anew.
            if hits.count >= Self.mostCounted { hits = [:] }
            hits[image.fingerprint, default: 0] += 1
            return hits[image.fingerprint] == Self.hitsBefore
        }
    }
}
