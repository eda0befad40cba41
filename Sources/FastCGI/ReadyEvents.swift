internal import CFastCGI
import Glibc

/// Something in epoll that is ready. A connection of which epoll says neither that its peer has gone nor that it is in
/// trouble has something to read.
struct Ready {
    let connection: Connection
    let mayBeGone: Bool
}

/// What one wait found ready. One worker's own.
@safe final class ReadyEvents: Sequence {
    enum Outcome { case some, nothing, interrupted, failed }

    private let events: UnsafeMutableBufferPointer<epoll_event>
    private var count = 0
    /// Through which connections are looked at. Most workers of a quiet process never look at any, and have none.
    private var window: UnsafeMutableRawBufferPointer?

    private static let trouble = EPOLLRDHUP.rawValue | EPOLLHUP.rawValue | EPOLLERR.rawValue

    /// For up to `capacity` at a time, and one at least.
    init(capacity: Int) {
        unsafe events = .allocate(capacity: Swift.max(1, capacity))
        unsafe events.initialize(repeating: epoll_event())
    }

    deinit {
        unsafe events.deallocate()
        unsafe window?.deallocate()
    }

    /// What waits on a connection.
    func arrival(on connection: Connection) -> Arrival {
        let window =
            unsafe self.window
            ?? .allocate(byteCount: Arrival.longest, alignment: MemoryLayout<RecordHeader>.alignment)
        unsafe self.window = unsafe window
        return unsafe Arrival(on: connection.descriptor, through: window)
    }

    /// Waits for `timeout` milliseconds, or for ever where that is negative. With `one` for no more than one.
    func wait(on epoll: Int32, _ timeout: Int32, one: Bool) -> Outcome {
        let found = unsafe epoll_wait(epoll, events.baseAddress, one ? 1 : Int32(events.count), timeout)
        count = Int(Swift.max(0, found))
        guard found < 0 else { return found > 0 ? .some : .nothing }
        return errno == EINTR ? .interrupted : .failed
    }

    func makeIterator() -> some IteratorProtocol<Ready> {
        (0..<count).lazy.map { place in
            let event = unsafe self.events[place]
            return unsafe Ready(
                connection: Connection(tag: event.data.u64), mayBeGone: event.events & Self.trouble != 0)
        }.makeIterator()
    }
}
