/// Short values of several keys, asked for in one write and taken one after the other.
///
/// Nothing in an answer says which question it belongs to. So each value is followed by its own end, which is asked for in a
/// length that no other is: an answer too many, or too few, shows before it makes one value pass for another.
extension RedisConnection {
    /// What became of one of the values that were asked for together.
    public enum Value: Equatable, Sendable {
        case bytes([UInt8])
        /// There is no such key, or nothing in it.
        case absent
        /// It is longer than was asked for, or was written meanwhile: to be asked for by itself.
        case unclear
    }

    /// The values that are still to be taken.
    struct Series {
        /// Most bytes of a value.
        let limit: Int
        let count: Int
        var taken = 0

        /// How many bytes of its end follow a value.
        func endLength(_ place: Int) -> Int { 24 + place }
    }

    /// Asks for the values of `keys`, each up to `limit` bytes; `nextValue` hands them out in order. Until the last has been
    /// taken the connection is of no other use.
    public func askForValues(of keys: [[UInt8]], upTo limit: Int) throws(RedisError) {
        precondition(limit >= 0, "a length is not negative")
        guard !keys.isEmpty else { return }
        let socket = try begin()
        let series = Series(limit: limit, count: keys.count)
        do {
            try send(Self.commands(keys, series), on: socket, until: Deadline(after: timeouts.command))
        } catch {
            throw failed(error)
        }
        state = .answering(series)
    }

    /// The next of the values that were asked for, within the command timeout. `refused` is about this one, and the
    /// others follow; any other error is the end of all.
    public func nextValue() throws(RedisError) -> Value {
        guard let socket, case .answering(var series) = state else { throw .closed }
        let answer: Result<Value, RedisError>
        do throws(RedisError) {
            answer = try receiveValue(of: series, from: socket, until: Deadline(after: timeouts.command))
            series.taken += 1
            if series.taken == series.count { try endReply() }
        } catch {
            throw failed(error)
        }
        state = series.taken == series.count ? .idle : .answering(series)
        return try answer.get()
    }

    private func receiveValue(
        of series: Series, from socket: RedisSocket, until deadline: Deadline
    ) throws(RedisError) -> Result<Value, RedisError> {
        // Little more than the first line: what stands behind it goes to where it stays.
        if reader.buffered == 0 { try receive(from: socket, until: deadline, atMost: 32) }
        let value = try receiveString(upTo: series.limit + 1, from: socket, until: deadline)
        let end = try receiveString(upTo: series.endLength(series.taken), from: socket, until: deadline)
        switch (value, end) {
        case (.success(let value), .success(let end)):
            return .success(try Self.value(value, endingIn: end, of: series.endLength(series.taken), series.limit))
        case (.failure(let refusal), .failure): return .failure(refusal)
        // It has become a value of another type in between, or is no longer one.
        case (.success, .failure), (.failure, .success): return .success(.unclear)
        }
    }

    /// What a value is that is followed by `end`, for which `endLength` bytes were asked.
    private static func value(
        _ value: [UInt8], endingIn end: [UInt8], of endLength: Int, _ limit: Int
    ) throws(RedisError) -> Value {
        if value.count > limit { return .unclear }
        if value.isEmpty, end.isEmpty { return .absent }
        // Written, or removed, in between.
        if value.isEmpty || end.isEmpty { return .unclear }
        guard end.count == min(endLength, value.count) else { throw .protocolViolation }
        return value.suffix(end.count) == end[...] ? .bytes(value) : .unclear
    }

    private func receiveString(
        upTo limit: Int, from socket: RedisSocket, until deadline: Deadline
    ) throws(RedisError) -> Result<[UInt8], RedisError> {
        switch try receiveHead(from: socket, until: deadline) {
        case .string(let length) where length <= limit:
            return .success(try receiveString(of: length, from: socket, until: deadline))
        case .error(let message): return .failure(RedisError(refusal: message))
        case .string, .status, .integer, .array, .null: throw .protocolViolation
        }
    }

    private func receiveString(
        of length: Int, from socket: RedisSocket, until deadline: Deadline
    ) throws(RedisError) -> [UInt8] {
        let value = try unsafe receiveBytes(length) { rest throws(RedisError) in
            let count = unsafe reader.take(into: rest, atMost: rest.count)
            guard count < rest.count else { return count }
            let missing = unsafe UnsafeMutableRawBufferPointer(rebasing: rest[count...])
            return count + (try unsafe receive(into: missing, atMost: missing.count, from: socket, until: deadline))
        }
        try receiveTerminator(from: socket, until: deadline)
        return value
    }

    private static func commands(_ keys: [[UInt8]], _ series: Series) -> [UInt8] {
        var writer = RESPWriter(capacity: keys.reduce(0) { $0 + 2 * (64 + $1.count) })
        for (place, key) in keys.enumerated() {
            // One byte more than wanted, where there is more: GETRANGE counts both ends, and says nothing of the rest.
            writer.writeRange(of: key, "0", String(series.limit))
            writer.writeRange(of: key, String(-series.endLength(place)), "-1")
        }
        return writer.bytes
    }
}

extension RESPWriter {
    fileprivate mutating func writeRange(of key: [UInt8], _ first: String, _ last: String) {
        begin(words: 4)
        write("GETRANGE")
        write(key)
        write(first)
        write(last)
    }
}
