internal import Dispatch
import Glibc
import Synchronization

/// The memory of chunks that nobody has any more, for a moment: an image that comes then finds its pages there already.
///
/// A large block is new memory each time, and the kernel clears every page of it when it is first written: a sixth of what
/// a miss of some megabytes costs the handler. What is kept for that is a few chunks, beyond the budget of what waits.
///
/// Sendable: its state is behind a lock, which is held to put a block in or take one out.
final class ChunkMemory: Sendable {
    fileprivate struct State {
        var spare: [[UInt8]] = []
        var bytes = 0
        var isTimed = false
    }

    private let state = Mutex(State())
    private let timer = DispatchQueue(label: "image-proxy.chunk-memory")

    /// The bytes that are kept at the most.
    static let limit = 4 << 20
    /// Smaller blocks the allocator keeps itself: see `MemoryTuning`.
    static let leastCapacity = 128 << 10
    private static let lifetime = DispatchTimeInterval.milliseconds(400)

    /// An empty array with room for `capacity` bytes, and perhaps for more.
    func take(_ capacity: Int) -> [UInt8] {
        let isLarge = capacity >= Self.leastCapacity
        if isLarge, let spare = state.withLock({ $0.take(capacity) }) { return spare }
        var new: [UInt8] = []
        new.reserveCapacity(capacity)
        if isLarge { Self.populate(&new) }
        return new
    }

    /// Has the kernel find all pages of `room` at once: one by one, as they are first written, they cost a good half more.
    ///
    /// Where the kernel does not know how (before Linux 5.14), or has no memory to give, they come one by one.
    private static func populate(_ room: inout [UInt8]) {
        let capacity = room.capacity
        unsafe room.withUnsafeMutableBufferPointer { buffer in
            guard let start = UnsafeMutableRawPointer(buffer.baseAddress) else { return }
            let inner = unsafe UnsafeMutableRawPointer(start.alignedUp(toMultipleOf: pageSize))
            let end = unsafe (start + capacity).alignedDown(toMultipleOf: pageSize)
            guard unsafe end > inner else { return }
            unsafe madvise(inner, end - inner, MADV_POPULATE_WRITE)
        }
    }

    private static let pageSize = Int(getpagesize())

    /// Keeps the memory of `bytes`, which are of no use any more, for who needs some next.
    func giveBack(_ bytes: consuming [UInt8]) {
        guard bytes.capacity >= Self.leastCapacity, bytes.capacity <= Self.limit else { return }
        bytes.removeAll(keepingCapacity: true)
        let room = bytes
        let isTimed = state.withLock { state in
            guard state.bytes + room.capacity <= Self.limit else { return true }
            state.bytes += room.capacity
            state.spare.append(room)
            defer { state.isTimed = true }
            return state.isTimed
        }
        if !isTimed { timer.asyncAfter(deadline: .now() + Self.lifetime) { self.letGo() } }
    }

    /// Bytes that are kept now.
    var usage: Int { state.withLock { $0.bytes } }

    /// Frees what is kept, outside the lock.
    func letGo() {
        let spare = state.withLock { state in
            defer { state = State() }
            return state.spare
        }
        withExtendedLifetime(spare) {}
    }
}

extension ChunkMemory.State {
    fileprivate mutating func take(_ capacity: Int) -> [UInt8]? {
        guard let place = spare.lastIndex(where: { $0.capacity >= capacity }) else { return nil }
        let room = spare.remove(at: place)
        bytes -= room.capacity
        return room
    }
}
