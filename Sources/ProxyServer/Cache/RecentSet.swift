import ProxyCore
import Synchronization

/// The numbers that were put in last, up to so many of them: what is remembered of records without holding them.
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
    func remove(_ number: Int) { state.withLock { _ = $0.known.remove(number) } }

    func contains(_ number: Int) -> Bool { state.withLock { $0.known.contains(number) } }

    /// False when it was there already.
    @discardableResult
    func insert(_ number: Int) -> Bool {
        state.withLock { state in
            guard state.known.insert(number).inserted else { return false }
            if state.order.count < capacity {
                state.order.append(number)
            } else {
                state.known.remove(state.order[state.next])
                state.order[state.next] = number
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
        self.init(key: key, tail: tail[...], length: length)
    }

    private init(key: CacheKey, tail: ArraySlice<UInt8>, length: Int) {
        var hasher = Hasher()
        hasher.combine(key)
        // All at once: Hasher takes an array byte by byte, which shows in the time of a hit.
        unsafe tail.withUnsafeBytes { unsafe hasher.combine(bytes: $0) }
        hasher.combine(length)
        value = hasher.finalize()
    }

    /// Of a record that is there as a whole.
    init(key: CacheKey, record: [UInt8]) {
        self.init(key: key, tail: record.suffix(ImageRecord.tailLength), length: record.count)
    }
}
