import ProxyCore
import Synchronization

/// The fingerprints that were put in last, up to a number: what is remembered of records without holding them.
///
/// Sendable: its state is behind a lock.
final class RecentSet: Sendable {
    private let capacity: Int
    private let state = Mutex<State>(State())

    private struct State {
        var known: Set<Int> = []
        var order: [Int] = []
        var next = 0
    }

    init(capacity: Int) { self.capacity = capacity }

    /// Its place stays taken until others have come round to it.
    func remove(_ fingerprint: Int) { state.withLock { _ = $0.known.remove(fingerprint) } }

    func contains(_ fingerprint: Int) -> Bool { state.withLock { $0.known.contains(fingerprint) } }

    /// False when it was there already.
    @discardableResult
    func insert(_ fingerprint: Int) -> Bool {
        state.withLock { state in
            guard state.known.insert(fingerprint).inserted else { return false }
            if state.order.count < capacity {
                state.order.append(fingerprint)
            } else {
                state.known.remove(state.order[state.next])
                state.order[state.next] = fingerprint
                state.next = (state.next + 1) % capacity
            }
            return true
        }
    }
}

/// What tells a record from the one that replaces it: its key, its length, and its end, which holds its times.
struct RecordFingerprint: Hashable, Sendable {
    let value: Int

    init(key: CacheKey, tail: [UInt8], length: Int) {
        var hasher = Hasher()
        hasher.combine(key)
        // All at once: Hasher takes an array byte by byte, which shows in the time of a hit.
        unsafe tail.withUnsafeBytes { unsafe hasher.combine(bytes: $0) }
        hasher.combine(length)
        value = hasher.finalize()
    }
}
