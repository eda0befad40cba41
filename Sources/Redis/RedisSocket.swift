internal import Glibc

/// Reading and writing on hiredis' descriptor with a deadline for the whole of a call.
///
/// hiredis' own blocking calls know a timeout for each read only, which a peer that sends a byte now and then never
/// meets. `MSG_DONTWAIT` makes each call non-blocking without changing the descriptor; `MSG_NOSIGNAL` spares the
/// process a SIGPIPE when the peer has gone. It borrows the descriptor: `RedisConnection` closes it.
struct RedisSocket {
    let descriptor: Int32

    /// What the peer has sent without being asked.
    enum Pending { case nothing, bytes, end }

    /// Looks without waiting, and leaves what it finds.
    var pending: Pending {
        var byte: UInt8 = 0
        let count = retrying { unsafe recv(descriptor, &byte, 1, Self.dontWait | Int32(MSG_PEEK)) }
        if count > 0 { return .bytes }
        return count < 0 && errno == EAGAIN ? .nothing : .end
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
            } else {
                guard errno == EAGAIN else { throw .closed }
                try wait(for: POLLOUT, until: deadline)
            }
        }
    }

    /// Waits for bytes and puts them into `first` and, when that is full, into `second`. The number is never zero.
    func receive(
        into first: UnsafeMutableRawBufferPointer, _ second: UnsafeMutableRawBufferPointer, until deadline: Deadline
    ) throws(RedisError) -> Int {
        while true {
            // Also when bytes are there: else a peer that always has one more would hold us for ever.
            guard deadline.remaining > .zero else { throw .timedOut }
            let count = unsafe Self.withMessage(first, second) { unsafe recvmsg(descriptor, &$0, Self.dontWait) }
            if count > 0 { return count }
            guard count < 0, errno == EAGAIN else { throw .closed }
            try wait(for: POLLIN, until: deadline)
        }
    }

    /// Waits for the first bytes of an answer: `receive` would try in vain first.
    func waitToReceive(until deadline: Deadline) throws(RedisError) { try wait(for: POLLIN, until: deadline) }

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
            return retrying { unsafe call(&message) }
        }
    }
}

/// Repeats a system call that a signal interrupted.
private func retrying(_ call: () -> Int) -> Int {
    while true {
        let result = call()
        if result >= 0 || errno != EINTR { return result }
    }
}
