internal import Glibc

/// A string value that stands open on a connection, to be read piece by piece.
public struct RedisString: Sendable, Hashable {
    /// The last bytes of the value, as many as were asked for or the value has.
    public let tail: [UInt8]
    /// How many bytes the whole value has.
    public let length: Int
}

/// How far the open string has been read, and what its last bytes must turn out to be.
struct OpenString {
    let string: RedisString
    var deadline: ContinuousClock.Instant?
    /// Whether a read may take as long as `deadline` lets it, and not the command timeout alone.
    var isPatient = false
    private(set) var remaining: Int

    init(_ string: RedisString, deadline: ContinuousClock.Instant?) {
        self.string = string
        self.deadline = deadline
        remaining = string.length
    }

    mutating func drop(_ count: Int) { remaining -= count }

    /// Counts the next bytes and compares those of them that belong to the tail. The tail came by a command of its own,
    /// and between the two another client may have written another value of the same length.
    mutating func accept(_ bytes: UnsafeRawBufferPointer) throws(RedisError) {
        let tail = string.tail
        let tailStart = remaining - tail.count
        remaining -= bytes.count
        let compared = min(bytes.count, max(0, tailStart))..<bytes.count
        guard !compared.isEmpty else { return }
        let isSame = unsafe tail.withUnsafeBytes { tail in
            let expected = unsafe UnsafeRawBufferPointer(rebasing: tail[(compared.lowerBound - tailStart)...])
            guard let expected = expected.baseAddress, let found = bytes.baseAddress else { return false }
            return unsafe memcmp(expected, found + compared.lowerBound, compared.count) == 0
        }
        guard isSame else { throw .overwritten }
    }
}

// MARK: - Reading a large value

extension Deadline {
    fileprivate init(_ open: OpenString, _ timeout: Duration) {
        if open.isPatient, let overall = open.deadline {
            self.init(overall)
        } else {
            self.init(after: timeout, atMost: open.deadline)
        }
    }
}

extension RedisConnection {
    /// Most that `closeString` reads away; a new connection is cheaper than more.
    static let drainLimit = 256 << 10

    /// Opens the value of `key` for reading and returns its end and its length after one round trip; nil when there is
    /// no such key. The value itself is never held: `read(into:)` takes it off the socket.
    ///
    /// A value of more than `limit` bytes is `tooLarge`. Past `deadline` opening and reading give up; without one a peer
    /// that sends a byte within every command timeout can go on for as long as the value has bytes.
    public func openString(
        _ key: [UInt8], tail: Int, limit: Int, deadline: ContinuousClock.Instant? = nil
    ) throws(RedisError) -> RedisString? {
        precondition(tail >= 0 && limit >= 0, "sizes are not negative")
        let socket = try begin()
        do {
            return try open(key, tail, limit, deadline, on: socket)
        } catch {
            throw failed(error)
        }
    }

    private func open(
        _ key: [UInt8], _ tail: Int, _ limit: Int, _ overall: ContinuousClock.Instant?, on socket: RedisSocket
    ) throws(RedisError) -> RedisString? {
        let deadline = Deadline(after: timeouts.command, atMost: overall)
        try send(Self.openCommands(key, tail), on: socket, until: deadline)
        // Little more than the tail and the heads: what comes behind them goes to where the caller wants it.
        try receive(from: socket, until: deadline, atMost: tail + Self.headsLength)
        let (end, refusal) = tail == 0 ? ([], nil) : try receiveTail(atMost: tail, from: socket, until: deadline)
        switch try receiveHead(from: socket, until: deadline) {
        case .null:
            try endReply()
            if let refusal { throw refusal }
            return nil
        case .error(let message):
            try endReply()
            throw refusal ?? RedisError(refusal: message)
        case .string(let length):
            guard length <= limit else { throw .tooLarge }
            let string = RedisString(tail: end, length: length)
            state = .reading(OpenString(string, deadline: overall))
            if let refusal {
                closeString()
                throw refusal
            }
            guard end.count == min(tail, length) else { throw .overwritten }
            if length == 0 { try endString(from: socket, until: deadline) }
            return string
        case .status, .integer, .array:
            throw .protocolViolation
        }
    }

    /// What is left of the open string.
    public func readAll() throws(RedisError) -> [UInt8] {
        guard socket != nil else { throw .closed }
        guard case .reading(let open) = state else { return [] }
        return try unsafe receiveBytes(open.remaining) { rest throws(RedisError) in
            let count = try unsafe read(into: rest)
            guard count > 0 else { throw RedisError.closed }
            return count
        }
    }

    /// So many bytes, as `receive` puts them at the beginning of what is lent to it. Memory that is about to be written over
    /// need not be cleared.
    private func receiveBytes(
        _ length: Int, _ receive: (UnsafeMutableRawBufferPointer) throws(RedisError) -> Int
    ) throws(RedisError) -> [UInt8] {
        // The library writes the number of elements, and all empty arrays are one.
        guard length > 0 else { return [] }
        var failure: RedisError?
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: length) { buffer, count in
            do throws(RedisError) {
                let whole = UnsafeMutableRawBufferPointer(buffer)
                while count < length {
                    count += try unsafe receive(UnsafeMutableRawBufferPointer(rebasing: whole[count..<length]))
                }
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        return bytes
    }

    /// Puts the next bytes of the open string into `buffer` and returns how many there are: at least one, or 0 after the
    /// last. They come from the socket straight into it, but for what arrived together with the head.
    /// `overwritten` says that the bytes read so far do not end in `tail`: nothing of them can be relied on.
    public func read(into buffer: inout MutableSpan<UInt8>) throws(RedisError) -> Int {
        precondition(!buffer.isEmpty, "room for at least one byte")
        return try unsafe buffer.withUnsafeMutableBytes { buffer throws(RedisError) in try unsafe read(into: buffer) }
    }

    private func read(into buffer: UnsafeMutableRawBufferPointer) throws(RedisError) -> Int {
        guard let socket else { throw .closed }
        guard case .reading(var open) = state else { return 0 }
        let deadline = Deadline(open, timeouts.command)
        do {
            let count = try unsafe take(into: buffer, atMost: open.remaining, from: socket, until: deadline)
            try unsafe open.accept(UnsafeRawBufferPointer(rebasing: buffer.prefix(count)))
            state = .reading(open)
            if open.remaining == 0 { try endString(from: socket, until: deadline) }
            return count
        } catch {
            throw failed(error)
        }
    }

    /// Moves the deadline of the open string, which is for all reads of it together. Harmless when none is open.
    public func setStringDeadline(_ deadline: ContinuousClock.Instant?) {
        guard case .reading(var open) = state else { return }
        open.deadline = deadline
        state = .reading(open)
    }

    /// From here on a read of the open string may take more than the command timeout, up to `deadline`: for a reader who
    /// has no way back. Harmless when none is open.
    public func readPatiently(until deadline: ContinuousClock.Instant) {
        guard case .reading(var open) = state else { return }
        open.deadline = deadline
        open.isPatient = true
        state = .reading(open)
    }

    /// Ends the reading of a string early. What is left is read away when it is little, else the connection is closed
    /// (see `isUsable`). Harmless when none is open; every other call does this first.
    public func closeString() {
        guard case .reading(var open) = state, let socket else { return }
        guard open.remaining <= Self.drainLimit else { return discard() }
        let deadline = Deadline(after: timeouts.command, atMost: open.deadline)
        do {
            open.drop(reader.skip(atMost: open.remaining))
            while open.remaining > 0 {
                try receive(from: socket, until: deadline)
                open.drop(reader.skip(atMost: open.remaining))
            }
            try endString(from: socket, until: deadline)
        } catch {
            discard()
        }
    }
}

// MARK: - Parts of an answer

extension RedisConnection {
    /// More than the first lines of two strings and the end of one.
    private static let headsLength = 64

    private static func openCommands(_ key: [UInt8], _ tail: Int) -> [UInt8] {
        var writer = RESPWriter(capacity: 128 + 2 * key.count)
        // -0 is the first byte, not the last: no bytes of tail are not asked for.
        if tail > 0 {
            writer.begin(words: 4)
            writer.write("GETRANGE")
            writer.write(key)
            writer.write(String(-tail))
            writer.write("-1")
        }
        writer.begin(words: 2)
        writer.write("GET")
        writer.write(key)
        return writer.bytes
    }

    func receiveHead(from socket: RedisSocket, until deadline: Deadline) throws(RedisError) -> RESPReader.Head {
        while true {
            if let head = try reader.head() { return head }
            try receive(from: socket, until: deadline)
        }
    }

    /// The answer is over: nothing may have come after it.
    func endReply() throws(RedisError) {
        guard reader.buffered == 0 else { throw .protocolViolation }
    }

    /// The answer to GETRANGE, which has no null: an empty string where there is no key. An error is returned, not
    /// thrown, since the answer to GET is still to be taken.
    private func receiveTail(
        atMost limit: Int, from socket: RedisSocket, until deadline: Deadline
    ) throws(RedisError) -> ([UInt8], RedisError?) {
        switch try receiveHead(from: socket, until: deadline) {
        case .error(let message): return ([], RedisError(refusal: message))
        case .string(let length):
            guard length <= limit else { throw .protocolViolation }
            return (try receiveString(of: length, from: socket, until: deadline), nil)
        case .status, .integer, .array, .null: throw .protocolViolation
        }
    }

    /// A string whose head has been taken, and its end.
    func receiveString(
        of length: Int, from socket: RedisSocket, until deadline: Deadline
    ) throws(RedisError) -> [UInt8] {
        let content = try unsafe receiveBytes(length) { rest throws(RedisError) in
            try unsafe take(into: rest, atMost: rest.count, from: socket, until: deadline)
        }
        try receiveTerminator(from: socket, until: deadline)
        return content
    }

    private func receiveTerminator(from socket: RedisSocket, until deadline: Deadline) throws(RedisError) {
        while try !reader.takeTerminator() { try receive(from: socket, until: deadline) }
    }

    private func endString(from socket: RedisSocket, until deadline: Deadline) throws(RedisError) {
        try receiveTerminator(from: socket, until: deadline)
        try endReply()
        state = .idle
    }

    /// The next bytes of a string, of which `limit` are left, into the caller's memory: what has come, and else what comes.
    private func take(
        into buffer: UnsafeMutableRawBufferPointer, atMost limit: Int, from socket: RedisSocket,
        until deadline: Deadline
    ) throws(RedisError) -> Int {
        let count = unsafe reader.take(into: buffer, atMost: limit)
        guard count < min(limit, buffer.count) else { return count }
        // What came together with the head is little. More must come, and a piece should be worth its while.
        let rest = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[count...])
        return count + (try unsafe receive(into: rest, atMost: limit - count, from: socket, until: deadline))
    }

    /// Bytes of the value into the caller's memory; when that takes the last of them, the lines that follow go into the reader
    /// by the same system call, and little of what is behind those: that would have to be moved to its place.
    private func receive(
        into buffer: UnsafeMutableRawBufferPointer, atMost limit: Int, from socket: RedisSocket,
        until deadline: Deadline
    ) throws(RedisError) -> Int {
        let wanted = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer.prefix(limit))
        var direct = 0
        try unsafe reader.fill { space throws(RedisError) in
            let beyond = unsafe UnsafeMutableRawBufferPointer(
                rebasing: space.prefix(wanted.count == limit ? Self.headsLength : 0))
            let count = try unsafe socket.receive(into: wanted, beyond, until: deadline)
            direct = min(count, wanted.count)
            return count - direct
        }
        return direct
    }
}
