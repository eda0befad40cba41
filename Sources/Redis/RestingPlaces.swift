internal import Synchronization

/// Places for connections that rest: any thread takes one out, and puts one in, without a lock.
///
/// With a lock, as short as it is held, threads queue up for it: Swift's `Mutex` is handed from one that waits to the next,
/// whether that one runs or not, and once a thread was put off its processor with the lock in hand all the others wait for
/// each other from then on. Every hit takes a connection and gives it back, and a tenth of its time went there.
///
/// Sendable: see `Place`.
struct RestingPlaces: Sendable {
    /// Owns what it holds, which may not be Sendable: it goes in as the last reference that anybody has (`sending`), and comes
    /// out for the one thread that swaps it out.
    @safe private final class Place: @unchecked Sendable {
        let connection = unsafe Atomic<Unmanaged<RedisConnection>?>(nil)
    }

    private let places: [Place]

    init(capacity: Int) { places = (0..<max(0, capacity)).map { _ in Place() } }

    /// How many places are taken.
    var count: Int { places.count { unsafe $0.connection.load(ordering: .relaxed) != nil } }

    /// One that rests, of the foremost place: those in front are used most, and the least likely to have been closed.
    func take() -> sending RedisConnection? {
        for place in places where unsafe place.connection.load(ordering: .relaxed) != nil {
            if let taken = unsafe place.connection.exchange(nil, ordering: .acquiringAndReleasing) {
                return unsafe taken.takeRetainedValue()
            }
        }
        return nil
    }

    /// Lets `connection` rest in the foremost free place; where there is none, it goes.
    func put(_ connection: sending RedisConnection) {
        let resting = unsafe Unmanaged.passRetained(connection)
        for place in places where unsafe place.connection.load(ordering: .relaxed) == nil {
            if unsafe place.connection.compareExchange(
                expected: nil, desired: resting, ordering: .acquiringAndReleasing
            ).exchanged {
                return
            }
        }
        unsafe resting.release()
    }
}
