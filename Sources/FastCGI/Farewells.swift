internal import Dispatch
import Glibc
import Synchronization

/// Ends responses that are not whole where the web server has no room for the sign of it, without a worker that waits.
///
/// A connection that is closed in the middle of a record is the good end of a response without a length to nginx with
/// `fastcgi_buffering off` (measured with 1.22.1): half an image would pass for a whole one. So the record is filled up
/// with zeros and the sign follows, as soon as there is room for them. Not for ever, and not for any number: a web server
/// closes the connection when its client takes nothing for a minute.
///
/// Sendable: what changes is behind a lock.
final class Farewells: Sendable {
    /// A record of an invalid version. It makes nginx, lighttpd and Apache fail the response in every mode of theirs; a
    /// normal end, or a bare close, does not (measured: nginx without keep-alive would serve and cache the stump).
    static let sign = [UInt8](repeating: 0, count: 8)

    private let most: Int
    private let queue = DispatchQueue(label: "image-proxy.farewells")
    private let pending = Mutex<[Farewell]>([])

    private static let patience = DispatchTimeInterval.seconds(90)

    init(most: Int) { self.most = most }

    /// How many are under way and not given up.
    var count: Int { pending.withLock { $0.count } }

    /// Takes the ownership of a connection whose last record lacks `missing` bytes. `closed` is called when it is closed.
    func add(_ descriptor: Int32, missing: Int, _ closed: @escaping @Sendable () -> Void) {
        let farewell = Farewell(descriptor, missing: missing, on: queue) { [self] farewell in
            // First the connection: who sees that none is under way must not find it counted.
            closed()
            pending.withLock { $0.removeAll { $0 === farewell } }
        }
        let oldest = pending.withLock { pending -> Farewell? in
            pending.append(farewell)
            // Taken out at once: its end comes a moment later, and the next one too many must not find it here again.
            return pending.count > most ? pending.removeFirst() : nil
        }
        oldest?.giveUp()
        farewell.begin(within: Self.patience)
    }
}

/// One of them. Its queue is the only thread that knows what is left to be sent.
private final class Farewell: @unchecked Sendable {
    // Sendable: `left` is used on the queue alone, and a source is made to be used from other threads.
    private let descriptor: Int32
    private let source: any DispatchSourceWrite
    private let queue: DispatchQueue
    private var left: Int

    init(
        _ descriptor: Int32, missing: Int, on queue: DispatchQueue, _ ended: @escaping @Sendable (Farewell) -> Void
    ) {
        self.descriptor = descriptor
        self.queue = queue
        // Zeros fill the record, and zeros are the sign.
        left = missing + Farewells.sign.count
        source = DispatchSource.makeWriteSource(fileDescriptor: descriptor, queue: queue)
        source.setEventHandler { [self] in send() }
        source.setCancelHandler { [self] in
            shutdown(descriptor, Int32(SHUT_RDWR))
            close(descriptor)
            ended(self)
        }
    }

    func begin(within patience: DispatchTimeInterval) {
        source.activate()
        queue.asyncAfter(deadline: .now() + patience) { [weak self] in self?.giveUp() }
    }

    /// The web server has had its chance.
    func giveUp() { source.cancel() }

    private func send() {
        let zeros = [UInt8](repeating: 0, count: left)
        let count = unsafe Glibc.send(descriptor, zeros, zeros.count, Int32(MSG_NOSIGNAL | MSG_DONTWAIT))
        if count > 0 { left -= count }
        let isWaiting = count < 0 && (errno == EAGAIN || errno == EINTR)
        if left == 0 || count < 0 && !isWaiting { source.cancel() }
    }
}
