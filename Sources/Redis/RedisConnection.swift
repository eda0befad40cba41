internal import CHiredis

/// One connection to a Redis server, opened and its replies parsed by hiredis, read and written under our own deadlines.
///
/// Every call is in lockstep: it sends, takes all of its answer and leaves nothing behind, but for an open string and values
/// that were asked for together, which are taken one by one. A failure (any error but
/// `refused`) closes the connection at once; a new one is the caller's to make.
///
/// Not Sendable: a worker keeps it on its thread, or hands it on through `RedisPool`. `@safe`: the context is private
/// to the module, freed once by `discard`, which forgets it; no pointer leaves a call.
@safe public final class RedisConnection {
    /// What the bytes on the wire belong to.
    enum State {
        case idle
        case reading(OpenString)
        case answering(Series)
        case writing
    }

    /// Most bytes, and most elements of arrays, that are accepted in answer to one call of `command` or `pipeline`.
    static let replyLimit = 8 << 20
    static let elementLimit = 1 << 16

    /// The times this connection keeps.
    public let timeouts: RedisTimeouts
    var state = State.idle
    var reader = RESPReader()
    /// Whether it was found usable a moment ago, by whoever is about to make the next call.
    private var isChecked = false
    private let parser: ReplyParser
    private let heldUp: @Sendable () -> Void
    private var context: UnsafeMutablePointer<redisContext>?

    /// Connects, authenticates and selects the database, all within the connect timeout. `refused` means that Redis
    /// declined the user, the password or the database. `heldUp` is called, on the thread that waits, when a call takes more
    /// than a few milliseconds.
    public init(
        to endpoint: RedisEndpoint, timeouts: RedisTimeouts = RedisTimeouts(),
        heldUp: @escaping @Sendable () -> Void = {}
    ) throws(RedisError) {
        let deadline = Deadline(after: timeouts.connect)
        guard let parser = ReplyParser() else { throw .connectionFailed("out of memory") }
        self.timeouts = timeouts
        self.parser = parser
        self.heldUp = heldUp
        unsafe context = try RedisConnector.open(endpoint.address, until: deadline)
        try socket?.bePatient()
        for case .error(let message) in try exchange(endpoint.handshake, until: deadline) {
            throw RedisError(refusal: message)
        }
    }

    deinit { discard() }

    /// Whether a call may be made: the connection has not failed, and the peer has neither closed it nor sent anything
    /// unasked since. One system call; what it says can be out of date a moment later.
    public var isUsable: Bool {
        guard case .idle = state, let socket else { return false }
        return socket.pending == .nothing
    }

    /// `isUsable`, asked by who makes a call right after it, which then need not look again.
    func isUsableNow() -> Bool {
        isChecked = isUsable
        return isChecked
    }

    /// Whether it can be kept for later: nothing is left to be read by us. What has come unasked shows when it is used.
    var isIdle: Bool {
        if case .idle = state { return unsafe context != nil }
        return false
    }

    /// Closes the connection now; later calls throw `closed`.
    public func close() { discard() }
}

// MARK: - Commands

extension RedisConnection {
    /// Sends a command and returns its answer; an error answer is thrown as `refused`.
    public func command(_ arguments: [RedisArgument]) throws(RedisError) -> RedisReply {
        let replies = try pipeline([arguments])
        guard let reply = replies.first else { throw .protocolViolation }
        if case .error(let message) = reply { throw RedisError(refusal: message) }
        return reply
    }

    /// Sends commands in one write and returns their answers in order, an error answer among them as `.error`.
    /// The command timeout covers them together. A string that is open is closed first.
    public func pipeline(_ commands: [[RedisArgument]]) throws(RedisError) -> [RedisReply] {
        try exchange(commands, until: Deadline(after: timeouts.command))
    }

    private func exchange(
        _ commands: [[RedisArgument]], until deadline: Deadline
    ) throws(RedisError) -> [RedisReply] {
        if commands.isEmpty { return [] }
        let socket = try begin()
        do {
            try send(Self.encode(commands), on: socket, until: deadline)
            return try receiveReplies(commands.count, from: socket, until: deadline)
        } catch {
            throw failed(error)
        }
    }

    func receiveReplies(
        _ count: Int, from socket: RedisSocket, until deadline: Deadline
    ) throws(RedisError) -> [RedisReply] {
        var replies: [RedisReply] = []
        var received = 0
        parser.allow(elements: Self.elementLimit)
        while replies.count < count {
            if let reply = try parser.next() {
                replies.append(reply)
                continue
            }
            try receive(from: socket, until: deadline)
            received += reader.buffered
            guard received <= Self.replyLimit else { throw .tooLarge }
            try unsafe reader.takeAll { bytes throws(RedisError) in try unsafe parser.feed(bytes) }
        }
        guard !parser.hasLeftover else { throw .protocolViolation }
        return replies
    }
}

// MARK: - Lockstep

extension RedisConnection {
    var socket: RedisSocket? {
        unsafe context.map { unsafe RedisSocket(descriptor: $0.pointee.fd, patience: timeouts.command, heldUp: heldUp) }
    }

    /// The socket for a new exchange, once it is certain that nothing of an old one is left. An answer that came unasked
    /// would otherwise be taken for the next one's.
    func begin() throws(RedisError) -> RedisSocket {
        if case .writing = state { preconditionFailure("a command while a value is being written") }
        closeString()
        if case .answering = state { discard() }
        guard let socket else { throw .closed }
        if isChecked {
            isChecked = false
            return socket
        }
        switch socket.pending {
        case .nothing: return socket
        case .bytes: throw failed(.protocolViolation)
        case .end: throw failed(.closed)
        }
    }

    /// Sends commands, framed, in one write.
    func send(_ bytes: [UInt8], on socket: RedisSocket, until deadline: Deadline) throws(RedisError) {
        try unsafe bytes.span.withUnsafeBytes { bytes throws(RedisError) in
            try unsafe socket.send(bytes, UnsafeRawBufferPointer(start: nil, count: 0), until: deadline)
        }
    }

    /// The commands as they go over the wire.
    static func encode(_ commands: [[RedisArgument]]) -> [UInt8] {
        var writer = RESPWriter()
        writer.write(commands)
        return writer.bytes
    }

    /// Takes what has come, up to `limit` bytes of it, into the reader.
    func receive(from socket: RedisSocket, until deadline: Deadline, atMost limit: Int = .max) throws(RedisError) {
        try unsafe reader.fill { space throws(RedisError) in
            let wanted = unsafe UnsafeMutableRawBufferPointer(rebasing: space.prefix(limit))
            let nothing = unsafe UnsafeMutableRawBufferPointer(start: nil, count: 0)
            return try unsafe socket.receive(into: wanted, nothing, until: deadline)
        }
    }

    /// Ends the connection if the failure does, and returns it to be thrown.
    func failed(_ error: RedisError) -> RedisError {
        if error.isConnectionLost { discard() }
        return error
    }

    /// Closes and forgets; harmless when repeated.
    func discard() {
        if let context = unsafe context { unsafe redisFree(context) }
        unsafe context = nil
        state = .idle
        reader.clear()
    }
}
