import Synchronization

/// The bytes that may wait for the cache, over all requests: what bounds our memory when Redis is slower than origins.
final class StoreBudget: Sendable {
    let limit: Int
    private let used = Atomic<Int>(0)

    init(limit: Int) { self.limit = limit }

    /// Takes `count` bytes out of the budget; false, and nothing taken, when there are not as many left.
    func reserve(_ count: Int) -> Bool {
        let now = used.add(count, ordering: .relaxed).newValue
        if now > limit {
            used.subtract(count, ordering: .relaxed)
            return false
        }
        return true
    }

    func release(_ count: Int) { used.subtract(count, ordering: .relaxed) }

    /// Bytes that wait now.
    var usage: Int { used.load(ordering: .relaxed) }
}
