/// A part of an image that waits for the cache, or for a client, counted against the budget until nobody has it any more.
final class ImageChunk: @unchecked Sendable {
    // Sendable because it is filled by one thread and handed on when it is full, or when the image has ended; nobody
    // changes it after that.
    private(set) var bytes: [UInt8] = []
    /// How many bytes it is to hold.
    let capacity: Int
    /// How many of them the budget has granted.
    private(set) var room = 0
    private var reservations: [Reservation] = []
    private let memory: ChunkMemory

    /// Its bytes will lie in `memory`.
    init(capacity: Int, in memory: ChunkMemory) {
        self.capacity = capacity
        self.memory = memory
    }

    deinit {
        var last: [UInt8] = []
        swap(&last, &bytes)
        memory.giveBack(consume last)
    }

    var isFull: Bool { bytes.count == capacity }

    /// Makes room for `count` bytes more, which `reservation` stands for.
    func grow(by count: Int, _ reservation: Reservation) {
        room += count
        reservations.append(reservation)
        if room == capacity, bytes.isEmpty { bytes = memory.take(capacity) }
    }

    /// Takes as much of `rest` as it has room for.
    func take(_ rest: RawSpan) -> Int {
        let count = min(rest.byteCount, room - bytes.count)
        bytes.append(rest.extracting(first: count))
        return count
    }
}
