/// Takes the pieces of a value that `RedisConnection.setString` writes, and sends them as they come.
///
/// A small piece waits for the next, a large one goes from the caller's memory to the socket without being copied.
public struct RedisStringWriter: ~Copyable {
    /// What waits is at most this and a small piece.
    private static let coalescingLimit = 16 << 10

    private let socket: RedisSocket
    private let timeout: Duration
    private let deadline: ContinuousClock.Instant?
    private var waiting: [UInt8]
    /// How many bytes of the announced length are still to be written.
    public private(set) var remaining: Int

    init(head: [UInt8], length: Int, socket: RedisSocket, timeout: Duration, deadline: ContinuousClock.Instant?) {
        waiting = head
        remaining = length
        self.socket = socket
        self.timeout = timeout
        self.deadline = deadline
    }

    /// Writes the next piece; more than was announced is a `lengthMismatch`.
    public mutating func write(_ piece: Span<UInt8>) throws(RedisError) {
        guard piece.count <= remaining else { throw .lengthMismatch }
        try unsafe piece.withUnsafeBytes { bytes throws(RedisError) in
            guard bytes.count > Self.coalescingLimit - waiting.count else {
                return unsafe waiting.append(contentsOf: bytes)
            }
            try unsafe flush(with: bytes)
        }
        remaining -= piece.count
    }

    /// Ends the value, if it is whole.
    mutating func finish() throws(RedisError) {
        guard remaining == 0 else { throw .lengthMismatch }
        waiting += [UInt8(ascii: "\r"), UInt8(ascii: "\n")]
        try unsafe flush(with: UnsafeRawBufferPointer(start: nil, count: 0))
    }

    private mutating func flush(with bytes: UnsafeRawBufferPointer) throws(RedisError) {
        let deadline = Deadline(after: timeout, atMost: deadline)
        try unsafe waiting.span.withUnsafeBytes { waiting throws(RedisError) in
            try unsafe socket.send(waiting, bytes, until: deadline)
        }
        waiting.removeAll(keepingCapacity: true)
    }
}

extension RedisConnection {
    /// Sets `key` to a value of `length` bytes that expires after `expiry` (whole seconds, at least one), without
    /// holding it: `body` writes it in pieces. Each write has the command timeout, all of it `deadline`.
    ///
    /// Redis sees the value whole or not at all. When the pieces do not add up to `length` or `body` throws, the
    /// connection is closed, since Redis waits for the rest. `body` must not use the connection otherwise.
    public func setString(
        _ key: [UInt8], expiry: Duration, length: Int, deadline: ContinuousClock.Instant? = nil,
        _ body: (inout RedisStringWriter) throws(RedisError) -> Void
    ) throws(RedisError) {
        precondition(length >= 0, "sizes are not negative")
        let socket = try begin()
        state = .writing
        var writer = RedisStringWriter(
            head: Self.setHead(key, expiry, length), length: length, socket: socket, timeout: timeouts.command,
            deadline: deadline)
        do {
            try body(&writer)
            try writer.finish()
        } catch {
            discard()
            throw error
        }
        state = .idle
        do {
            try receiveOK(from: socket, until: Deadline(after: timeouts.command, atMost: deadline))
        } catch {
            throw failed(error)
        }
    }

    private func receiveOK(from socket: RedisSocket, until deadline: Deadline) throws(RedisError) {
        try socket.waitToReceive(until: deadline)
        let head = try receiveHead(from: socket, until: deadline)
        try endReply()
        switch head {
        case .status("OK"): return
        case .error(let message): throw RedisError(refusal: message)
        case .status, .integer, .string, .array, .null: throw .protocolViolation
        }
    }

    /// SETEX up to the value, which is its last word: after it only CR LF is left to send.
    private static func setHead(_ key: [UInt8], _ expiry: Duration, _ length: Int) -> [UInt8] {
        let seconds = String(max(1, expiry.components.seconds))
        let command = "*4\r\n$5\r\nSETEX\r\n$\(key.count)\r\n"
        return Array(command.utf8) + key + Array("\r\n$\(seconds.utf8.count)\r\n\(seconds)\r\n$\(length)\r\n".utf8)
    }
}
