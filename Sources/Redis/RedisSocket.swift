internal import CHiredis
internal import Glibc

/// Reading and writing on hiredis' descriptor with a deadline for the whole of a call.
///
/// hiredis' own blocking calls know a timeout for each read only, which a peer that sends a byte now and then never
/// meets. `MSG_DONTWAIT` makes each call non-blocking without changing the descriptor; `MSG_NOSIGNAL` spares the
/// process a SIGPIPE when the peer has gone. It borrows the descriptor: `RedisConnection` closes it.
///
/// An answer takes no longer than a fraction of a millisecond as a rule, and is never there at once: trying, waiting and
/// trying again would be three calls for one. So as long as nearly all of the time is left, a read may block for the
/// descriptor's own timeout, which `bePatient` sets: a moment, after which `heldUp` is called.
struct RedisSocket {
    let descriptor: Int32
    /// The time of most calls; zero for a descriptor that `bePatient` was not called for.
    var patience = Duration.zero
    /// Called when an answer does not come as soon as answers do.
    var heldUp: @Sendable () -> Void = {}

    /// A read that takes longer is held up.
    private static let moment = Duration.milliseconds(10)

    /// What the peer has sent without being asked.
    enum Pending { case nothing, bytes, end }

    /// Looks without waiting, and leaves what it finds.
    var pending: Pending {
        var byte: UInt8 = 0
        // A call that never waits is not interrupted.
        let count = unsafe recv(descriptor, &byte, 1, Self.dontWait | Int32(MSG_PEEK))
        if count > 0 { return .bytes }
        return count < 0 && errno == EAGAIN ? .nothing : .end
    }

    /// Sets the descriptor's own timeout.
    func bePatient() throws(RedisError) {
        // None at all would be for ever.
        let (seconds, attoseconds) = max(min(patience, Self.moment), .microseconds(1)).components
        var limit = timeval(tv_sec: Int(seconds), tv_usec: Int(attoseconds / 1_000_000_000_000))
        let size = socklen_t(MemoryLayout<timeval>.size)
        guard unsafe setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, size) == 0 else {
            throw .connectionFailed("no timeout for the socket")
        }
    }

    /// Sends both, one after the other and together where the kernel has room.
    func send(
        _ first: UnsafeRawBufferPointer, _ second: UnsafeRawBufferPointer, until deadline: Deadline
    ) throws(RedisError) {
        var sent = 0
        while sent < first.count + second.count {
            let rest = unsafe UnsafeMutableRawBufferPointer(mutating: .init(rebasing: first.dropFirst(sent)))
            let then = unsafe UnsafeMutableRawBufferPointer(
                mutating: .init(rebasing: second.dropFirst(max(0, sent - first.count))))
            let flags = Self.dontWait | Int32(MSG_NOSIGNAL)
            let count = unsafe Self.withMessage(rest, then) { unsafe sendmsg(descriptor, &$0, flags) }
            if count >= 0 {
                sent += count
            } else if errno == EAGAIN {
                heldUp()
                try wait(for: POLLOUT, until: deadline)
            } else if errno != EINTR {
                throw .closed
            }
        }
    }

    /// Waits for bytes and puts them into `first` and, when that is full, into `second`. The number is never zero.
    func receive(
        into first: UnsafeMutableRawBufferPointer, _ second: UnsafeMutableRawBufferPointer, until deadline: Deadline
    ) throws(RedisError) -> Int {
        while true {
            // Also when bytes are there: else a peer that always has one more would hold us for ever.
            let left = deadline.remaining
            guard left > .zero else { throw .timedOut }
            // Late by a tenth of its time at most.
            let mayBlock = left >= patience * 9 / 10 && patience > .zero
            let flags = mayBlock ? 0 : Self.dontWait
            let count = unsafe Self.withMessage(first, second) { unsafe recvmsg(descriptor, &$0, flags) }
            if count > 0 { return count }
            guard count < 0, errno == EAGAIN || errno == EINTR else { throw .closed }
            if mayBlock { heldUp() } else { try wait(for: POLLIN, until: deadline) }
        }
    }

    /// Returns when the descriptor is ready or has failed; the call that follows tells which.
    func wait(for event: Int32, until deadline: Deadline) throws(RedisError) {
        while true {
            guard let milliseconds = deadline.milliseconds else { throw .timedOut }
            var entry = pollfd(fd: descriptor, events: Int16(truncatingIfNeeded: event), revents: 0)
            let ready = unsafe poll(&entry, 1, milliseconds)
            if ready > 0 { return }
            guard ready == 0 || errno == EINTR else { throw .closed }
        }
    }

    private static var dontWait: Int32 { Int32(MSG_DONTWAIT) }

    private static func withMessage(
        _ first: UnsafeMutableRawBufferPointer, _ second: UnsafeMutableRawBufferPointer,
        _ call: (inout msghdr) -> Int
    ) -> Int {
        unsafe withUnsafeTemporaryAllocation(of: iovec.self, capacity: 2) { vector in
            unsafe vector.initializeElement(at: 0, to: iovec(iov_base: first.baseAddress, iov_len: first.count))
            unsafe vector.initializeElement(at: 1, to: iovec(iov_base: second.baseAddress, iov_len: second.count))
            var message = unsafe msghdr()
            unsafe message.msg_iov = vector.baseAddress
            unsafe message.msg_iovlen = 2
            return unsafe call(&message)
        }
    }
}
