internal import CFastCGI
internal import Dispatch
import Glibc
import Synchronization

/// Accepts connections and hands out requests, to any number of workers at once.
///
/// Every worker runs in `run` and waits in the same epoll instance, which holds the listening sockets and all idle
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
    let mostConnections: Int
    let open = Atomic<Int>(0)
    /// Since when there has always been somebody in a socket's queue, waiting for a place; nil while there is nobody.
    let queuedSince = Mutex<ContinuousClock.Instant?>(nil)
    let queuePatience: Duration
    /// What each Unix socket is given; nil where it has as much by itself.
    let sendBufferSize: Int32?
    let stopHasBegun = Atomic<Bool>(false)
    private let stopping = Atomic<Bool>(false)
    /// Whether somebody left work for requests that were ready at the same time.
    private let isWorkLeft = Atomic<Bool>(false)
    private let stopped = DispatchSemaphore(value: 0)

    /// Listens on `sockets`, whose ownership it takes. A process may have several; libfcgi is set up once.
    /// The workers also run what comes into `work`.
    /// Connections beyond `mostConnections` wait in the sockets' queues. Where that goes on for longer than
    /// `queuePatience` the queue is emptied: what it held are requests that are surplus.
    /// The kernel is asked to hold `answerBuffer` bytes of an answer on each; nil is as many as it likes.
    public init(
        sockets: [ListeningSocket], turnstile: Turnstile = Turnstile(limit: 64), work: WorkQueue = WorkQueue(),
        mostConnections: Int = .max, queuePatience: Duration = .seconds(5),
        answerBuffer: Int? = FastCGIListener.answerBuffer
    ) throws(FastCGIError) {
        self.turnstile = turnstile
        self.work = work
        self.mostConnections = mostConnections
        self.queuePatience = queuePatience
        sendBufferSize = Self.sendBufferSize(for: answerBuffer)
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

    /// Hands `serve` what arrives, until `stop()` was called and nothing that had arrived is left; a worker of the reserve
    /// leaves earlier. Called by every worker, for as long as it lives; with a `pulse` it can be watched.
    ///
    /// What has arrived already comes together, up to `most` requests: whoever can answer several with less work than one
    /// after the other may. Who asks for more than one sees to it that none that it has taken waits for long behind
    /// another; those that it has not are left to others when it has to wait itself, or returns.
    public func run(
        watchedBy pulse: WorkerPulse = WorkerPulse(), takingUpTo most: Int = 1, _ serve: (FastCGIArrivals) -> Void
    ) {
        turnstile.enter()
        defer { turnstile.leave() }
        pulse.beating {
            let ready = ReadyEvents(capacity: most)
            while wait(for: ready) {
                pulse.begin(.init(.request))
                let (requests, other) = arrived(ready, through: ready)
                let leaveAll = { [self] in
                    requests.leave()
                    if let other { leave(other.connection) }
                }
                let isLeft = !pulse.holding(leaveAll) { if !requests.isEmpty { serve(requests) } }
                requests.leave()
                if !isLeft, let other, let new = arrival(from: other, ready, pulse), !new.isEmpty { serve(new) }
                // Here nothing is in hand.
                if isWorkLeft.load(ordering: .relaxed), isWorkLeft.exchange(false, ordering: .relaxed) {
                    runWork(pulse)
                }
                pulse.begin(.init(.idle))
            }
        }
    }

    /// The next request, parsed. Blocks; nil once `stop()` was called and nothing that had arrived is left, or when there
    /// is one worker too many.
    public func next() -> FastCGIRequest? {
        let pulse = WorkerPulse()
        let ready = ReadyEvents(capacity: 1)
        while wait(for: ready) {
            let (requests, other) = arrived(ready, through: ready)
            if let request = requests.next() ?? other.flatMap({ arrival(from: $0, ready, pulse)?.next() }) {
                return request
            }
        }
        return nil
    }

    /// Waits until something is ready; false when the worker is to leave.
    private func wait(for ready: ReadyEvents) -> Bool {
        while true {
            let isCrowded = turnstile.isCrowded
            let leavesWhenIdle = isStopping
            // At the end there may be nobody to leave anything to.
            switch ready.wait(on: epoll, leavesWhenIdle || isCrowded ? 0 : -1, one: leavesWhenIdle) {
            case .some: return true
            case .nothing where leavesWhenIdle:
                wakeOne()  // Each worker that leaves wakes the next: the event is edge-triggered.
                return false
            case .nothing where isCrowded:
                if turnstile.reserve.dismisses() { return false }
                turnstile.park()
            case .nothing, .interrupted: continue
            case .failed:
                stop()
                return false
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
        }
        // Not before all are emptied: a number that is free may be a connection's next.
        for socket in sockets { socket.close(yielding: yielding) }
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
    /// The requests that have come whole, and one more thing that is ready and may take long. What is ready besides is left to
    /// other workers.
    private func arrived(
        _ events: some Sequence<Ready>, through ready: ReadyEvents
    ) -> (requests: FastCGIArrivals, other: Ready?) {
        var whole: [Ready] = []
        var other: Ready?
        for event in events {
            switch isConnection(event.connection) ? ready.arrival(on: event.connection) : .part {
            case .request: whole.append(event)
            case .nothing: watch(event.connection)
            case .end: end(event.connection)
            case .part: if other == nil { other = event } else { leave(event.connection) }
            }
        }
        return (FastCGIArrivals(whole, at: self), other)
    }

    private func isConnection(_ ready: Connection) -> Bool {
        ready.descriptor != wake && ready.descriptor != work.descriptor && socket(ready) == nil
    }

    private func socket(_ ready: Connection) -> ListeningSocket? {
        sockets.first { $0.descriptor == ready.descriptor }
    }

    /// Has another worker told of it.
    private func leave(_ ready: Connection) {
        switch ready.descriptor {
        case wake: wakeOne()
        // Who waits is told of work until there is none. Where nobody waits, since there are always requests, it has its turn.
        case work.descriptor: isWorkLeft.store(true, ordering: .relaxed)
        default: if let socket = socket(ready) { watch(socket) } else { watch(ready) }
        }
    }

    /// The request that comes of what is ready, if one does. May wait: for the rest of a request, and for what work waits for.
    private func arrival(from event: Ready, _ ready: ReadyEvents, _ pulse: WorkerPulse) -> FastCGIArrivals? {
        if event.connection.descriptor == wake { return nil }
        if event.connection.descriptor == work.descriptor {
            runWork(pulse)
            return nil
        }
        guard let socket = socket(event.connection) else { return rest(of: event) }
        guard let connection = accept(from: socket) else { return nil }
        let (requests, part) = arrived(CollectionOfOne(Ready(connection: connection, mayBeGone: true)), through: ready)
        return part.map { rest(of: $0) } ?? requests
    }

    /// Waits for the rest of a request.
    private func rest(of ready: Ready) -> FastCGIArrivals {
        let parsed = turnstile.blocking { () -> FastCGIRequest? in request(on: ready, isWhole: false) }
        return FastCGIArrivals([], parsed: parsed, at: self)
    }

    /// The request on a connection that has brought one, or a part; nil when it never comes.
    func request(on ready: Ready, isWhole: Bool) -> FastCGIRequest? {
        guard let request = try? FastCGIRequest(on: ready.connection, isWhole: isWhole, of: self) else { return nil }
        // Abandoned while it waited: answering would only delay those who are still there.
        guard !ready.mayBeGone || !request.isPeerGone else {
            request.abort()
            return nil
        }
        return request
    }

    private func runWork(_ pulse: WorkerPulse) { work.runSome { pulse.begin(.init(.request)) } }

    private func end(_ connection: Connection) {
        close(connection.descriptor)
        connectionClosed()
    }

    static let once = EPOLLIN.rawValue | EPOLLRDHUP.rawValue | EPOLLONESHOT.rawValue

    private func wakeOne() { eventfd_write(wake, 1) }

    /// Gives an idle connection back to epoll.
    func watch(_ connection: Connection) {
        control(connection.isWatched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, connection, Self.once)
    }

    /// A connection has been closed. Linux took it out of epoll with its last descriptor.
    func connectionClosed() { open.subtract(1, ordering: .relaxed) }

    @discardableResult
    func control(_ operation: Int32, _ connection: Connection, _ events: UInt32) -> Int32 {
        var event = unsafe epoll_event()
        unsafe event.events = events
        unsafe event.data.u64 = connection.tag
        return unsafe epoll_ctl(epoll, operation, connection.descriptor, &event)
    }
}
