import Glibc
import Synchronization

/// The bytes that may wait for the cache, over all requests: what bounds our memory when Redis is slower than origins.
final class StoreBudget: Sendable {
    let limit: Int
    /// Where what waits lies.
    let memory = ChunkMemory()
    private let used = Atomic<Int>(0)

    init(limit: Int) { self.limit = limit }

    /// Takes `count` bytes out of the budget; false, and nothing taken, when there are not as many left.
    func reserve(_ count: Int) -> Bool { reserve(count, of: limit) }

    /// Takes `count` bytes out of the budget if no more than `part` of it is in use then.
    func reserve(_ count: Int, of part: Int) -> Bool {
        let now = used.add(count, ordering: .relaxed).newValue
        if now > part {
            used.subtract(count, ordering: .relaxed)
            return false
        }
        return true
    }

    func release(_ count: Int) { used.subtract(count, ordering: .relaxed) }

    /// Bytes that wait now.
    var usage: Int { used.load(ordering: .relaxed) }
}

/// A part of the budget, given back with the last reference.
final class Reservation: Sendable {
    private let budget: StoreBudget
    private let count: Int
    private let isHeld: Bool

    /// How often one that waits looks again.
    private static let pause: useconds_t = 1000

    /// Nil when there is not as much left within `part` of the budget, also after waiting for `patience`, blocking, for
    /// others to give theirs back.
    init?(_ count: Int, of budget: StoreBudget, within part: Int, waiting patience: Duration = .zero) {
        self.budget = budget
        self.count = count
        let deadline = ContinuousClock.now + patience
        while !budget.reserve(count, of: part) {
            guard ContinuousClock.now < deadline else {
                isHeld = false
                return nil
            }
            usleep(Self.pause)
        }
        isHeld = true
    }

    deinit { if isHeld { budget.release(count) } }
}
