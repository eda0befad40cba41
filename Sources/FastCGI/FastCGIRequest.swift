internal import CFastCGI
import Glibc

/// One request that libfcgi has parsed, and the response to it.
///
/// Owns its `FCGX_Request`, at one address for its whole life because libfcgi's streams point back to it, and the
/// connection until it is finished or aborted. Not Sendable: the worker that took it keeps it on its thread.
@safe public final class FastCGIRequest {
    private let request: UnsafeMutablePointer<FCGX_Request>
    private let listener: FastCGIListener
    private let connection: Connection
    /// Whether all of it had come when it was parsed.
    private let isWhole: Bool
    private let writer: RecordWriter
    private var isEnded = false
    /// Set when the end of the response is on the wire already, by our own hand: whether the connection is kept.
    private var keepsAfterEnd: Bool?
    /// Where it was left, when the web server took nothing for too long.
    private var stump: RecordWriter.Stump?

    /// How long a web server may take nothing of an answer: it takes it in its own time, but one that takes nothing for so
    /// long is broken.
    public static let patience = Duration.seconds(30)

    /// How much of a request body is read and thrown away so that the connection can be kept. Nobody sends a body with GET.
    private static let longestDrain = 64 << 10

    /// POLLRDHUP of <poll.h>, which the Glibc module leaves out: the peer has shut down its writing half.
    private static let readHangUp = Int16(EPOLLRDHUP.rawValue)

    /// Parses the request that waits on a readable connection.
    ///
    /// libfcgi is given the connection as if it had kept it, which is all that `FCGX_Accept_r` needs to skip its own
    /// accept. Takes the ownership of the descriptor, also when it throws.
    init(on connection: Connection, isWhole: Bool, of listener: FastCGIListener) throws(FastCGIError) {
        let request = UnsafeMutablePointer<FCGX_Request>.allocate(capacity: 1)
        unsafe FCGX_InitRequest(request, -1, 0)
        unsafe request.pointee.ipcFd = connection.descriptor
        unsafe request.pointee.keepConnection = 1
        guard unsafe FCGX_Accept_r(request) == 0 else {
            // libfcgi has closed the connection by now.
            unsafe request.deallocate()
            listener.connectionClosed()
            throw .protocolViolation
        }
        // It takes params that were cut off for all of them, and keeps the reason with the stream.
        guard unsafe FCGX_GetError(request.pointee.in) == 0 else {
            unsafe FCGX_Free(request, 1)
            unsafe request.deallocate()
            listener.connectionClosed()
            throw .protocolViolation
        }
        unsafe self.request = unsafe request
        self.listener = listener
        self.connection = connection
        self.isWhole = isWhole
        writer = unsafe RecordWriter(
            descriptor: connection.descriptor, requestIdentifier: UInt16(truncatingIfNeeded: request.pointee.requestId),
            turnstile: listener.turnstile)
    }

    deinit {
        if !isEnded { abort() }
        unsafe request.deallocate()
    }

    /// The value of a CGI meta-variable (RFC 3875, 4.1), copied. The first wins where the server sent several.
    public func param(_ name: String) -> String? {
        // As FCGX_GetParam does it, without a call of strncmp for each of the thirty that a web server sends.
        guard var next = unsafe request.pointee.envp else { return nil }
        let name = name.utf8Span.span
        while let pair = unsafe next.pointee {
            if let value = unsafe Self.value(of: name, in: pair) { return unsafe String(cString: value) }
            unsafe next += 1
        }
        return nil
    }

    /// What stands behind `name=` in a text that ends with a zero byte; nil when it begins in another way.
    private static func value(
        of name: Span<UInt8>, in pair: UnsafeMutablePointer<CChar>
    ) -> UnsafeMutablePointer<CChar>? {
        for index in name.indices where unsafe UInt8(bitPattern: pair[index]) != name[index] { return nil }
        return unsafe pair[name.count] == CChar(UInt8(ascii: "=")) ? pair + name.count + 1 : nil
    }

    /// Writes to the web server, blocking until it has taken everything.
    ///
    /// With `isLast` the end of the response goes out in the same system call: nginx is woken once instead of twice.
    /// Nothing may be written after that.
    public func send(_ head: RawSpan, _ body: RawSpan, isLast: Bool = false) throws(FastCGIError) {
        // What is left of the request is read first: behind the end the next one may follow at once.
        let keeps = isLast && mayKeep()
        do {
            try writer.write(head, body, isLast: isLast)
        } catch {
            guard case .timedOut(let stump) = error else { throw .peerGone }
            self.stump = stump
            throw .timedOut
        }
        if isLast { keepsAfterEnd = keeps }
    }

    /// Whether it has waited for a place for longer than anybody should, and there is none still: all that is left is to say
    /// so.
    public var isSurplus: Bool { connection.isSurplus }

    /// True when the web server has closed the connection, as it does when its client has left.
    public var isPeerGone: Bool {
        var watched = pollfd(fd: connection.descriptor, events: Self.readHangUp, revents: 0)
        guard unsafe poll(&watched, 1, 0) > 0 else { return false }
        let events = Int32(watched.revents)
        // A Unix socket tells a peer that is gone (HUP) from one that only sends no more (RDHUP); TCP cannot.
        return events & (POLLHUP | POLLERR) != 0 || (events & Int32(Self.readHangUp) != 0 && !connection.isUnix)
    }

    /// How much may wait for the web server while it is said to take more.
    private static let shortQueue: Int32 = 52 << 10

    /// Whether the web server would take some tens of kilobytes at once, and has taken most of what it was given: whoever
    /// sends a large image as it comes should not be far ahead, or the bytes are in no processor's cache any more.
    public var isWritable: Bool {
        var watched = pollfd(fd: connection.descriptor, events: Int16(POLLOUT), revents: 0)
        guard unsafe poll(&watched, 1, 0) > 0 else { return false }
        // Who has gone is seen by writing to them.
        if Int32(watched.revents) & (POLLHUP | POLLERR) != 0 { return true }
        var queued: Int32 = 0
        guard connection.isUnix, unsafe ioctl(connection.descriptor, UInt(TIOCOUTQ), &queued) == 0 else { return true }
        return queued <= Self.shortQueue
    }

    /// Becomes readable when the peer leaves: for whoever waits for something else at the same time.
    public var peerDescriptor: Int32 { connection.descriptor }

    /// Ends the response. What was written is whole and the web server may take it so.
    public func finish() {
        guard !isEnded else { return }
        isEnded = true
        let keeps = keepsAfterEnd ?? mayKeep()
        if keepsAfterEnd == nil {
            unsafe request.pointee.keepConnection = keeps ? 1 : 0
            unsafe FCGX_Finish_r(request)
        } else {
            unsafe FCGX_Free(request, keeps ? 0 : 1)
        }
        if keeps, unsafe request.pointee.ipcFd >= 0 {
            listener.watch(connection)
        } else {
            listener.connectionClosed()
        }
    }

    /// Whether the connection is to bring others. Else the end of the response is its end, and waits for the web server to
    /// close it, too.
    public var isToBeKept: Bool {
        unsafe request.pointee.keepConnection != 0 && !listener.isStopping && !listener.isFull && !isSurplus
    }

    /// Whether the connection can bring another request: the web server asked for it, and nothing of this one is left.
    private func mayKeep() -> Bool {
        isToBeKept && (isWhole ? drainBody() : listener.turnstile.blocking { drainBody() })
    }

    /// Ends a response that is not whole, so that no web server takes it for whole or caches it. Never waits: where there
    /// is no room for the sign, it follows when there is.
    public func abort() {
        guard !isEnded, keepsAfterEnd == nil else { return finish() }
        isEnded = true
        switch stump {
        case nil: if sendSign() { hangUp() } else { sendSignLater(missing: 0) }
        case .inRecord(let missing): sendSignLater(missing: missing)
        // The length that was announced gives it away.
        case .inLastRecord: hangUp()
        }
    }

    private func hangUp() {
        _ = shutdown(connection.descriptor, Int32(SHUT_RDWR))
        unsafe FCGX_Free(request, 1)
        listener.connectionClosed()
    }

    private func sendSignLater(missing: Int) {
        unsafe FCGX_Free(request, 0)
        listener.farewells.add(connection.descriptor, missing: missing) { [listener] in listener.connectionClosed() }
    }

    /// False where there is no room.
    private func sendSign() -> Bool {
        let sign = Farewells.sign
        let count = unsafe Glibc.send(connection.descriptor, sign, sign.count, Int32(MSG_NOSIGNAL | MSG_DONTWAIT))
        return count >= 0 || errno != EAGAIN
    }

    /// Reads the rest of FCGI_STDIN: what is left of it would be taken for the beginning of the next request.
    private func drainBody() -> Bool {
        var left = Self.longestDrain
        return unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: 4096) { buffer in
            while left > 0 {
                let count = unsafe FCGX_GetStr(buffer.baseAddress, Int32(buffer.count), request.pointee.in)
                if count < buffer.count { return unsafe FCGX_GetError(request.pointee.in) == 0 }
                left -= Int(count)
            }
            return false
        }
    }
}
