internal import CFastCGI
internal import Dispatch
import Glibc
import Synchronization

/// Accepts connections and hands out requests, to any number of workers at once.
///
/// Every worker calls `next()` and waits in the same epoll instance, which holds the listening sockets and all idle
/// connections, each armed for one event (EPOLLONESHOT). So a connection that nginx keeps open costs a descriptor and no
/// worker, the kernel's ready list is the queue, and a request goes from the kernel to the worker that answers it
/// without a hand-over between threads. epoll wakes the worker that slept last, whose memory is still warm.
///
/// Sendable: what changes is atomic, and epoll is made to be shared.
public final class FastCGIListener: Sendable {
    private let epoll: Int32
    private let wake: Int32
    private let sockets: [ListeningSocket]
    let turnstile: Turnstile
    let farewells: Farewells
    private let work: WorkQueue
    private let mostConnections: Int
    private let open = Atomic<Int>(0)
    /// Since when there has always been somebody in a socket's queue, waiting for a place; nil while there is nobody.
    private let queuedSince = Mutex<ContinuousClock.Instant?>(nil)
    private let queuePatience: Duration
    private let stopHasBegun = Atomic<Bool>(false)
    private let stopping = Atomic<Bool>(false)
    private let stopped = DispatchSemaphore(value: 0)

    /// A web server sends its request at once and takes the answer in its own time; one that does neither is broken.
    private static let receiveTimeout = timeval(tv_sec: 5, tv_usec: 0)
    private static let sendTimeout = timeval(tv_sec: Int(FastCGIRequest.patience.components.seconds), tv_usec: 0)

    /// Places beyond `mostConnections`, for telling those who have queued for too long.
    private static let mostSurplus = 4

    /// How long the queue is left alone when the process is out of descriptors, in milliseconds.
    private static let starvedPause: Int32 = 20

    /// Listens on `sockets`, whose ownership it takes. A process may have several; libfcgi is set up once.
    /// The workers also run what comes into `work`.
    /// Connections beyond `mostConnections` wait in the sockets' queues. Where that goes on for longer than
    /// `queuePatience` the queue is emptied: what it held are requests that are surplus.
    public init(
        sockets: [ListeningSocket], turnstile: Turnstile = Turnstile(limit: 64), work: WorkQueue = WorkQueue(),
        mostConnections: Int = .max, queuePatience: Duration = .seconds(5)
    ) throws(FastCGIError) {
        self.turnstile = turnstile
        self.work = work
        self.mostConnections = mostConnections
        self.queuePatience = queuePatience
        farewells = Farewells(most: max(1, min(mostConnections / 4, 256)))
        // libfcgi waits this long for a web server that does not close, in milliseconds; its default is two seconds.
        unsafe setenv("LIBFCGI_OS_CLOSE_POLL_TIMEOUT", "200", 0)
        FCGX_Init()
        signal(SIGPIPE, SIG_IGN)
        epoll = epoll_create1(Int32(EPOLL_CLOEXEC))
        wake = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
        self.sockets = sockets
        guard epoll >= 0, wake >= 0 else {
            throw .cannotListen(address: "epoll", call: "epoll_create1", reason: lastError())
        }
        control(EPOLL_CTL_ADD, Connection(wake), EPOLLIN.rawValue | EPOLLET.rawValue)
        control(EPOLL_CTL_ADD, Connection(work.descriptor), EPOLLIN.rawValue)
        for socket in sockets { control(EPOLL_CTL_ADD, Connection(socket.descriptor), Self.once) }
    }

    deinit {
        close(wake)
        close(epoll)
    }

    /// Hands `serve` one request after another, parsed, until `stop()` was called and nothing that had arrived is left; a
    /// worker of the reserve leaves earlier. Called by every worker, for as long as it lives; with a `pulse` it can be watched.
    public func run(watchedBy pulse: WorkerPulse = WorkerPulse(), _ serve: (FastCGIRequest) -> Void) {
        turnstile.enter()
        defer { turnstile.leave() }
        pulse.beating {
            while let request = next(pulse) {
                serve(request)
                pulse.begin(.init(.idle))
            }
        }
    }

    /// The next request, parsed. Blocks; nil once `stop()` was called and nothing that had arrived is left, or when there
    /// is one worker too many.
    public func next() -> FastCGIRequest? { next(WorkerPulse()) }

    private func next(_ pulse: WorkerPulse) -> FastCGIRequest? {
        while true {
            let isCrowded = turnstile.isCrowded
            let leavesWhenIdle = isStopping
            switch wait(leavesWhenIdle || isCrowded ? 0 : -1) {
            case .ready(let connection, let mayBeGone):
                pulse.begin(.init(.request))
                if let request = request(from: connection, mayBeGone: mayBeGone, pulse) { return request }
                pulse.begin(.init(.idle))
            case .nothing where leavesWhenIdle:
                wakeOne()  // Each worker that leaves wakes the next: the event is edge-triggered.
                return nil
            case .nothing where isCrowded:
                if turnstile.reserve.dismisses() { return nil }
                turnstile.park()
            case .nothing, .interrupted: continue
            case .failed:
                stop()
                return nil
            }
        }
    }

    /// No new connections; `next()` gives out what has arrived already and then nil. The queue of a socket of our own
    /// is emptied first, since nobody else would; one that was handed to us is left to whoever comes next.
    public func stop() { stop(yielding: false) }

    /// The same, where another process listens on the same sockets by now: their queues and files are left to it.
    public func yield() { stop(yielding: true) }

    private func stop(yielding: Bool) {
        guard !stopHasBegun.exchange(true, ordering: .sequentiallyConsistent) else { return }
        for socket in sockets {
            control(EPOLL_CTL_DEL, Connection(socket.descriptor), 0)
            if socket.isOurs, !yielding {
                while let connection = accept(from: socket, rearming: false) { watch(connection) }
            }
            socket.close(yielding: yielding)
        }
        // Not before the queue is in epoll: a worker that finds nothing there from now on leaves.
        stopping.store(true, ordering: .sequentiallyConsistent)
        turnstile.open()
        wakeOne()
        stopped.signal()
    }

    /// Blocks until `stop()` has been called. For one caller.
    public func waitForStop() { stopped.wait() }

    /// Whether idle connections are a luxury: others may be waiting for their place.
    var isFull: Bool { connectionCount > mostConnections / 2 }

    public var isStopping: Bool { stopping.load(ordering: .acquiring) }

    /// Connections open now, busy and idle.
    public var connectionCount: Int { open.load(ordering: .relaxed) }
}

extension FastCGIListener {
    /// A connection of which epoll says neither that its peer has gone nor that it is in trouble has something to read.
    private enum Event { case ready(Connection, mayBeGone: Bool), nothing, interrupted, failed }

    private static let trouble = EPOLLRDHUP.rawValue | EPOLLHUP.rawValue | EPOLLERR.rawValue

    private func wait(_ timeout: Int32) -> Event {
        var event = unsafe epoll_event()
        switch unsafe epoll_wait(epoll, &event, 1, timeout) {
        case 1: return unsafe .ready(Connection(tag: event.data.u64), mayBeGone: event.events & Self.trouble != 0)
        case 0: return .nothing
        default: return errno == EINTR ? .interrupted : .failed
        }
    }

    /// The request that a ready descriptor brings, if it does.
    private func request(from ready: Connection, mayBeGone: Bool, _ pulse: WorkerPulse) -> FastCGIRequest? {
        if ready.descriptor == wake { return nil }
        if ready.descriptor == work.descriptor {
            work.runSome { pulse.begin(.init(.request)) }
            return nil
        }
        guard let socket = sockets.first(where: { $0.descriptor == ready.descriptor }) else {
            return mayBeGone ? request(on: ready) : try? FastCGIRequest(on: ready, of: self)
        }
        return accept(from: socket).flatMap { request(on: $0) }
    }

    private static let once = EPOLLIN.rawValue | EPOLLRDHUP.rawValue | EPOLLONESHOT.rawValue

    private func wakeOne() { eventfd_write(wake, 1) }

    /// Gives an idle connection back to epoll.
    func watch(_ connection: Connection) {
        if control(EPOLL_CTL_MOD, connection, Self.once) != 0 { control(EPOLL_CTL_ADD, connection, Self.once) }
    }

    /// A connection has been closed. Linux took it out of epoll with its last descriptor.
    func connectionClosed() { open.subtract(1, ordering: .relaxed) }

    private func accept(from socket: ListeningSocket, rearming: Bool = true) -> Connection? {
        var address = sockaddr()
        var size = socklen_t(MemoryLayout<sockaddr>.size)
        var connection: Int32 = -1
        let count = connectionCount
        let isSurplus = count >= mostConnections && isQueueTooOld
        var isStarved = count >= (isSurplus ? mostConnections + Self.mostSurplus : mostConnections)
        if !isStarved {
            connection = unsafe accept4(socket.descriptor, &address, &size, Int32(SOCK_CLOEXEC.rawValue))
            isStarved = connection < 0 && [EMFILE, ENFILE, ENOBUFS, ENOMEM].contains(errno)
        }
        noteQueue(of: socket, isLeftAlone: isStarved)
        // Armed again it would be ready again at once. One worker at a time waits here, since the socket is not armed
        // meanwhile; the others go on with the connections that are open.
        if isStarved { turnstile.blocking { _ = poll(nil, 0, Self.starvedPause) } }
        if rearming, !stopHasBegun.load(ordering: .acquiring) {
            control(EPOLL_CTL_MOD, Connection(socket.descriptor), Self.once)
        }
        guard connection >= 0 else { return nil }
        open.add(1, ordering: .relaxed)
        setTimeouts(connection)
        let isUnix = Int32(address.sa_family) == AF_UNIX
        if !isUnix { sendAtOnce(connection) }
        return Connection(connection, isUnix: isUnix, isSurplus: isSurplus)
    }

    private var isQueueTooOld: Bool {
        queuedSince.withLock { $0.map { ContinuousClock.now - $0 >= queuePatience } } ?? false
    }

    /// Remembers since when somebody has been waiting in the queue.
    private func noteQueue(of socket: ListeningSocket, isLeftAlone: Bool) {
        queuedSince.withLock { since in
            if isLeftAlone {
                since = since ?? .now
            } else if since != nil {
                var watched = pollfd(fd: socket.descriptor, events: Int16(POLLIN), revents: 0)
                if unsafe poll(&watched, 1, 0) == 0 { since = nil }
            }
        }
    }

    /// The request on a connection, or nil when there is none yet (the connection waits on) or never will be.
    private func request(on connection: Connection) -> FastCGIRequest? {
        var byte: UInt8 = 0
        let count = unsafe recv(connection.descriptor, &byte, 1, Int32(MSG_PEEK | MSG_DONTWAIT))
        if count > 0 {
            guard let request = try? FastCGIRequest(on: connection, of: self) else { return nil }
            // Abandoned while it waited: answering would only delay those who are still there.
            guard !request.isPeerGone else {
                request.abort()
                return nil
            }
            return request
        }
        if count < 0, errno == EAGAIN || errno == EINTR {
            watch(connection)
        } else {
            close(connection.descriptor)
            connectionClosed()
        }
        return nil
    }

    private func setTimeouts(_ connection: Int32) {
        let size = socklen_t(MemoryLayout<timeval>.size)
        var receive = Self.receiveTimeout
        var send = Self.sendTimeout
        unsafe setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &receive, size)
        unsafe setsockopt(connection, SOL_SOCKET, SO_SNDTIMEO, &send, size)
    }

    /// A response may take several writes, and Nagle's algorithm would keep the last small one until the web server has
    /// acknowledged the one before: 40 ms on Linux.
    private func sendAtOnce(_ connection: Int32) {
        var on: Int32 = 1
        unsafe setsockopt(connection, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
    }

    @discardableResult
    private func control(_ operation: Int32, _ connection: Connection, _ events: UInt32) -> Int32 {
        var event = unsafe epoll_event()
        unsafe event.events = events
        unsafe event.data.u64 = connection.tag
        return unsafe epoll_ctl(epoll, operation, connection.descriptor, &event)
    }
}

/// A descriptor in epoll, and what has to be known of it when it is ready.
struct Connection {
    let descriptor: Int32
    let isUnix: Bool
    /// Accepted although there is no place for it.
    let isSurplus: Bool

    private static let unixTag: UInt64 = 1 << 32
    private static let surplusTag: UInt64 = 1 << 33

    init(_ descriptor: Int32, isUnix: Bool = false, isSurplus: Bool = false) {
        self.descriptor = descriptor
        self.isUnix = isUnix
        self.isSurplus = isSurplus
    }

    init(tag: UInt64) {
        self.init(
            Int32(truncatingIfNeeded: tag), isUnix: tag & Self.unixTag != 0, isSurplus: tag & Self.surplusTag != 0)
    }

    var tag: UInt64 {
        UInt64(UInt32(bitPattern: descriptor)) | (isUnix ? Self.unixTag : 0) | (isSurplus ? Self.surplusTag : 0)
    }
}
