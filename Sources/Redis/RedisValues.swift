/// Short values of several keys, asked for in one command and taken one after the other.
///
/// The answer is one array, with as many elements as there are keys and in their order, or it is no answer.
extension RedisConnection {
    /// The values that are still to be taken.
    struct Series {
        /// Most bytes of a value.
        let limit: Int
        let count: Int
        var taken = 0
    }

    /// Asks for the values of `keys`, each up to `limit` bytes; `nextValue` hands them out in order. Until the last has been
    /// taken the connection is of no other use.
    public func askForValues(of keys: [[UInt8]], upTo limit: Int) throws(RedisError) {
        precondition(limit >= 0, "a length is not negative")
        guard !keys.isEmpty else { return }
        let socket = try begin()
        do {
            try send(Self.command(keys), on: socket, until: Deadline(after: timeouts.command))
        } catch {
            throw failed(error)
        }
        state = .answering(Series(limit: limit, count: keys.count))
    }

    /// The next of the values that were asked for, within the command timeout; nil where there is no string. `refused` is the
    /// answer to all of them. One that is longer than was asked for is `tooLarge`, and as any other error the end of all.
    public func nextValue() throws(RedisError) -> [UInt8]? {
        guard let socket, case .answering(var series) = state else { throw .closed }
        let deadline = Deadline(after: timeouts.command)
        do throws(RedisError) {
            // Little more than the first lines: what stands behind them goes to where it stays.
            if reader.buffered == 0 { try receive(from: socket, until: deadline, atMost: 32) }
            if series.taken == 0 { try beginSeries(of: series.count, from: socket, until: deadline) }
            let value = try receiveValue(upTo: series.limit, from: socket, until: deadline)
            series.taken += 1
            if series.taken == series.count { try endReply() }
            state = series.taken == series.count ? .idle : .answering(series)
            return value
        } catch {
            throw failed(error)
        }
    }

    private func beginSeries(
        of count: Int, from socket: RedisSocket, until deadline: Deadline
    ) throws(RedisError) {
        switch try receiveHead(from: socket, until: deadline) {
        case .array(count): return
        case .error(let message):
            try endReply()
            state = .idle
            throw RedisError(refusal: message)
        case .array, .string, .status, .integer, .null: throw .protocolViolation
        }
    }

    private func receiveValue(
        upTo limit: Int, from socket: RedisSocket, until deadline: Deadline
    ) throws(RedisError) -> [UInt8]? {
        switch try receiveHead(from: socket, until: deadline) {
        case .null: return nil
        case .string(let length):
            guard length <= limit else { throw .tooLarge }
            return try receiveString(of: length, from: socket, until: deadline)
        case .array, .status, .integer, .error: throw .protocolViolation
        }
    }

    private static func command(_ keys: [[UInt8]]) -> [UInt8] {
        var writer = RESPWriter(capacity: keys.reduce(32) { $0 + 16 + $1.count })
        writer.begin(words: 1 + keys.count)
        writer.write("MGET")
        for key in keys { writer.write(key) }
        return writer.bytes
    }
}
