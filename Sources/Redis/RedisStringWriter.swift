/// Takes the pieces of a value that `RedisConnection.pipeline(_:writing:then:)` writes, and sends them as they come.
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

    /// Ends the value, if it is whole, and sends what comes behind it.
    mutating func finish(_ rest: [UInt8]) throws(RedisError) {
        guard remaining == 0 else { throw .lengthMismatch }
        waiting += [UInt8(ascii: "\r"), UInt8(ascii: "\n")] + rest
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

/// A command whose last word is a value that is written in pieces.
public struct RedisValueCommand: Sendable, Hashable {
    /// The words before the value.
    public let words: [RedisArgument]
    /// How many bytes the value has.
    public let length: Int

    /// Describes a command; nothing is sent.
    public init(_ words: [RedisArgument], length: Int) {
        precondition(length >= 0, "sizes are not negative")
        self.words = words
        self.length = length
    }

    /// The command as it goes over the wire, up to the value: after that only CR LF is left to send.
    var head: [UInt8] {
        var writer = RESPWriter()
        writer.begin(words: words.count + 1)
        for word in words { writer.write(word.bytes) }
        writer.beginWord(length: length)
        return writer.bytes
    }
}

extension RedisConnection {
    /// Sends commands, among them one with a large value, in one pipeline without holding the value: `body` writes it in
    /// pieces. Returns their answers in order, an error answer among them as `.error`. Each write has the command timeout,
    /// all of it `deadline`.
    ///
    /// When the pieces do not add up to the length or `body` throws, the connection is closed, since Redis waits for the
    /// rest; of the command with the value, and of all behind it, it has then done nothing. `body` must not use the
    /// connection otherwise.
    public func pipeline(
        _ before: [[RedisArgument]], writing command: RedisValueCommand, then after: [[RedisArgument]],
        deadline: ContinuousClock.Instant? = nil, _ body: (inout RedisStringWriter) throws(RedisError) -> Void
    ) throws(RedisError) -> [RedisReply] {
        let head = Self.encode(before) + command.head
        let rest = Self.encode(after)
        let socket = try begin()
        state = .writing
        var writer = RedisStringWriter(
            head: head, length: command.length, socket: socket, timeout: timeouts.command, deadline: deadline)
        do {
            try body(&writer)
            try writer.finish(rest)
            state = .idle
            let deadline = Deadline(after: timeouts.command, atMost: deadline)
            return try receiveReplies(before.count + 1 + after.count, from: socket, until: deadline)
        } catch {
            discard()
            throw error
        }
    }

    /// Sets `key` to a value of `length` bytes that expires after `expiry` (whole milliseconds, at least one), as
    /// `pipeline(_:writing:then:)` does: Redis sees the value whole or not at all.
    public func setString(
        _ key: [UInt8], expiry: Duration, length: Int, deadline: ContinuousClock.Instant? = nil,
        _ body: (inout RedisStringWriter) throws(RedisError) -> Void
    ) throws(RedisError) {
        let command = RedisValueCommand(
            ["PSETEX", RedisArgument(key), RedisArgument(milliseconds: expiry)], length: length)
        switch try pipeline([], writing: command, then: [], deadline: deadline, body).first {
        case .status("OK"): return
        case .error(let message): throw RedisError(refusal: message)
        default: throw failed(.protocolViolation)
        }
    }
}
