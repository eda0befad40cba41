internal import CFastCGI
import Glibc
import Synchronization

extension FastCGIListener {
    /// A web server sends its request at once and takes the answer in its own time; one that does neither is broken.
    private static let receiveTimeout = timeval(tv_sec: 5, tv_usec: 0)
    private static let sendTimeout = timeval(tv_sec: Int(FastCGIRequest.patience.components.seconds), tv_usec: 0)

    /// Places beyond `mostConnections`, for telling those who have queued for too long.
    private static let mostSurplus = 4

    /// How long the queue is left alone when the process is out of descriptors, in milliseconds.
    private static let starvedPause: Int32 = 20

    /// The next connection in a socket's queue, which is watched on unless `rearming` is false.
    func accept(from socket: ListeningSocket, rearming: Bool = true) -> Connection? {
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
        if rearming { watch(socket) }
        guard connection >= 0 else { return nil }
        open.add(1, ordering: .relaxed)
        setTimeouts(connection)
        let isUnix = Int32(address.sa_family) == AF_UNIX
        if isUnix { makeRoom(connection) } else { sendAtOnce(connection) }
        return Connection(connection, isUnix: isUnix, isSurplus: isSurplus)
    }

    /// Has somebody told of the next connection in a socket's queue.
    func watch(_ socket: ListeningSocket) {
        guard !stopHasBegun.load(ordering: .acquiring) else { return }
        control(EPOLL_CTL_MOD, Connection(socket.descriptor), Self.once)
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

    /// The bytes for which there is to be room, so that an answer of some hundred kilobytes goes out in one go: else the worker
    /// waits for the web server, and that for the worker, three times for half a megabyte.
    public static let answerBuffer = 512 << 10

    /// What is to be asked for so that the kernel holds `buffer` bytes for a Unix socket, or as many as it may; nil where it
    /// holds no fewer by itself. It doubles what it is given, or `net.core.wmem_max` where that is less.
    static func sendBufferSize(for buffer: Int?) -> Int32? {
        guard let buffer else { return nil }
        let trial = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        defer { close(trial) }
        let usual = sendBuffer(of: trial)
        let size = Int32(clamping: buffer / 2)
        setSendBuffer(of: trial, size)
        return sendBuffer(of: trial) > usual ? size : nil
    }

    private static func sendBuffer(of socket: Int32) -> Int32 {
        var size: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        unsafe getsockopt(socket, SOL_SOCKET, SO_SNDBUF, &size, &length)
        return size
    }

    private static func setSendBuffer(of socket: Int32, _ size: Int32) {
        var size = size
        unsafe setsockopt(socket, SOL_SOCKET, SO_SNDBUF, &size, socklen_t(MemoryLayout<Int32>.size))
    }

    private func makeRoom(_ connection: Int32) {
        if let sendBufferSize { Self.setSendBuffer(of: connection, sendBufferSize) }
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
}
