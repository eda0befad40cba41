import Synchronization

/// Counters of this process since its start. Sendable: atomics, added to from any thread.
public final class Metrics: Sendable {
    public struct Counter: ~Copyable, Sendable {
        private let value = Atomic<Int>(0)

        public func add(_ count: Int = 1) { value.add(count, ordering: .relaxed) }
        public var count: Int { value.load(ordering: .relaxed) }
    }

    public let requests = Counter()
    public let hits = Counter()
    public let misses = Counter()
    public let errors = Counter()
    public let clientsGone = Counter()
    public let bytesServed = Counter()
    public let bytesFetched = Counter()
    public let stored = Counter()
    public let tooLarge = Counter()
    public let overBudget = Counter()
    public let storeFailures = Counter()
    /// Records that were in the cache and could not be used; each is replaced by the miss that follows.
    public let damagedRecords = Counter()
    public let cacheFailures = Counter()

    public init() {}

    /// Every counter with its name in the statistics.
    var all: [(name: String, count: Int)] {
        [
            ("requests", requests.count), ("hits", hits.count), ("misses", misses.count), ("errors", errors.count),
            ("clientsGone", clientsGone.count), ("bytesServed", bytesServed.count),
            ("bytesFetched", bytesFetched.count), ("stored", stored.count), ("tooLarge", tooLarge.count),
            ("overBudget", overBudget.count), ("storeFailures", storeFailures.count),
            ("damagedRecords", damagedRecords.count), ("cacheFailures", cacheFailures.count),
        ]
    }
}
