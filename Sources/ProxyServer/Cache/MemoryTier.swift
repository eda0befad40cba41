import ProxyCore
import Synchronization

/// Images in this process, decoded: what is asked for often is answered without asking Redis for its bytes.
///
/// Bounded by bytes. What leaves first is decided by SIEVE (Zhang et al., NSDI 2024): entries stand in the order of
/// their coming, a hit only marks one, and a hand that moves from the oldest to the newest takes the first that was not
/// hit since it passed last. So a hit moves nothing, and a pass of images asked for once takes its own kind out first.
///
/// Sendable: its state is behind a lock, which is held for a look-up or an eviction and never for I/O.
final class MemoryTier: Sendable {
    private let limit: Int
    private let state = Mutex(State())

    /// An entry for a larger image would push out too much for one.
    private static let largestShare = 8
    /// What an entry costs besides its bytes: key, record, links.
    fileprivate static let overhead = 1024

    fileprivate struct State {
        var places: [CacheKey: Int] = [:]
        var slots: [Slot] = []
        var free: [Int] = []
        /// The newest and the oldest entry, and the hand; -1 is none.
        var newest = -1
        var oldest = -1
        var hand = -1
        var bytes = 0
    }

    fileprivate struct Slot {
        var key: CacheKey
        var entry: MemoryEntry?
        var isVisited = false
        var newer = -1
        var older = -1
    }

    init(limit: Int) { self.limit = limit }

    func admits(_ size: Int) -> Bool { size <= limit / Self.largestShare - Self.overhead }

    /// Bytes held, and the number of entries.
    var usage: (bytes: Int, entries: Int) { state.withLock { ($0.bytes, $0.places.count) } }

    func entry(for key: CacheKey) -> MemoryEntry? {
        state.withLock { state in
            guard let place = state.places[key] else { return nil }
            state.slots[place].isVisited = true
            return state.slots[place].entry
        }
    }

    /// The same for an onlooker: it counts as no hit.
    func peek(_ key: CacheKey) -> MemoryEntry? {
        state.withLock { state in state.places[key].flatMap { state.slots[$0].entry } }
    }

    func insert(_ entry: MemoryEntry, for key: CacheKey) {
        guard admits(entry.size) else { return }
        // What is pushed out is freed outside the lock.
        let evicted = state.withLock { state in
            var evicted = [state.remove(key)]
            let cost = entry.size + Self.overhead
            // Room first: the hand would take the new entry, which nobody has hit yet, when all the others were hit.
            while state.bytes > limit - cost, let victim = state.victim() { evicted.append(state.remove(victim)) }
            state.add(entry, for: key, cost: cost)
            return evicted
        }
        withExtendedLifetime(evicted) {}
    }

    /// Gives the entry that is a copy of `old` the record that has taken its place, if it is still there.
    func renew(
        _ key: CacheKey, from old: RecordFingerprint, to new: RecordFingerprint, _ record: ImageRecord
    ) {
        let replaced = state.withLock { state -> MemoryEntry? in
            guard let place = state.places[key], let entry = state.slots[place].entry, entry.fingerprint == old else {
                return nil
            }
            state.slots[place].entry = MemoryEntry(entry, renewedAs: record, new)
            return entry
        }
        withExtendedLifetime(replaced) {}
    }

    func remove(_ key: CacheKey) {
        let removed = state.withLock { $0.remove(key) }
        withExtendedLifetime(removed) {}
    }
}

extension MemoryTier.State {
    fileprivate mutating func add(_ entry: MemoryEntry, for key: CacheKey, cost: Int) {
        let slot = MemoryTier.Slot(key: key, entry: entry, older: newest)
        let place: Int
        if let last = free.popLast() {
            place = last
            slots[place] = slot
        } else {
            place = slots.count
            slots.append(slot)
        }
        if newest >= 0 { slots[newest].newer = place } else { oldest = place }
        newest = place
        places[key] = place
        bytes += cost
    }

    /// The entry that the hand stops at.
    fileprivate mutating func victim() -> CacheKey? {
        // Two rounds are enough: the first takes every mark away.
        for _ in 0..<2 * slots.count {
            if hand < 0 { hand = oldest }
            guard hand >= 0 else { return nil }
            guard slots[hand].isVisited else { return slots[hand].key }
            slots[hand].isVisited = false
            hand = slots[hand].newer
        }
        return nil
    }

    fileprivate mutating func remove(_ key: CacheKey) -> MemoryEntry? {
        guard let place = places.removeValue(forKey: key) else { return nil }
        let slot = slots[place]
        if slot.newer >= 0 { slots[slot.newer].older = slot.older } else { newest = slot.older }
        if slot.older >= 0 { slots[slot.older].newer = slot.newer } else { oldest = slot.newer }
        if hand == place { hand = slot.newer }
        slots[place].entry = nil
        free.append(place)
        if let entry = slot.entry { bytes -= entry.size + MemoryTier.overhead }
        return slot.entry
    }
}

/// One image in memory. Immutable but for the time of its last comparison with Redis.
final class MemoryEntry: CachedBody, Sendable {
    let type: MediaType
    let record: ImageRecord
    let stored: StoredResponse
    /// Of the record in Redis that this is a copy of.
    let fingerprint: RecordFingerprint
    let readyHead = ReadyHead()
    private let bytes: [UInt8]
    private let checked: Mutex<ContinuousClock.Instant>

    var size: Int { bytes.count }

    /// `bytes` are the image, and nothing besides. At `readAt` it was what Redis had: a client that is slow may have kept
    /// the end of it waiting for minutes.
    init(_ image: CachedImage, _ bytes: [UInt8], readAt: ContinuousClock.Instant) {
        type = image.type
        record = image.record
        stored = image.stored
        fingerprint = image.fingerprint
        self.bytes = bytes
        checked = Mutex(readAt)
    }

    /// The same image under another record, which was written to Redis just now.
    init(_ entry: MemoryEntry, renewedAs record: ImageRecord, _ fingerprint: RecordFingerprint) {
        type = entry.type
        self.record = record
        stored = StoredResponse(record)
        self.fingerprint = fingerprint
        bytes = entry.bytes
        checked = Mutex(.now)
    }

    /// Whether the last comparison with its record is no longer ago than `interval`.
    func wasChecked(within interval: Duration) -> Bool { checked.withLock { .now - $0 <= interval } }

    /// True, for one caller, when the last comparison is longer ago than `interval`.
    func isDueForCheck(every interval: Duration) -> Bool {
        checked.withLock { checked in
            let now = ContinuousClock.now
            guard now - checked > interval else { return false }
            checked = now
            return true
        }
    }

    func forEachPiece(
        in range: Range<Int>, _ body: (RawSpan) throws(ProxyError) -> Void
    ) throws(ProxyError) -> Bool {
        let bytes = bytes
        let span = RawSpan(_elements: bytes.span)
        try body(span.extracting(range.clamped(to: bytes.indices)))
        return true
    }
}
