internal import Redis
import ProxyCore

/// Writes one image into Redis while it comes.
///
/// An image of one chunk is one command, sent when it is whole. A larger one grows under a temporary key of the same slot
/// and takes its place by a rename, so that nobody ever sees a part of it. Each write is a transaction that renews the
/// temporary key's expiry: whatever happens to us, it goes by itself.
final class RedisWriter: CacheWriter {
    fileprivate enum State {
        /// What has come, while it may be all there is.
        case holding([UInt8]?)
        case writing(Draft)
        case ended
    }

    /// The value as far as it is in Redis, under its temporary key.
    fileprivate struct Draft {
        let key: RedisArgument
        /// The value's length, allocated at once, where it is known.
        let allocated: Int?
        var written = 0
    }

    private let tier: RedisTier
    private let key: CacheKey
    private let length: Int?
    private var encoder: RecordEncoder
    private var state = State.holding(nil)

    /// How long a temporary key stays after each write: longer than any origin may take over a chunk.
    fileprivate static let patience = Duration.seconds(10 * 60)
    /// What is allocated for the closing, which is known last. A value that grew at its end would be moved, and given
    /// room for a megabyte more.
    private static let closingRoom = 384

    init(_ tier: RedisTier, _ key: CacheKey, _ format: ImageRecord.Format, length: Int?) {
        self.tier = tier
        self.key = key
        self.length = length
        encoder = RecordEncoder(format)
    }

    deinit { discard() }

    func append(_ chunk: [UInt8]) throws(CacheFailure) {
        guard !chunk.isEmpty else { return }
        switch state {
        case .holding(nil): state = .holding(chunk)
        case .holding(let first?):
            state = .writing(draft())
            try discardingOnFailure { () throws(CacheFailure) in
                try add(first)
                try add(chunk)
            }
        case .writing: try discardingOnFailure { () throws(CacheFailure) in try add(chunk) }
        case .ended: throw Self.givenUp
        }
    }

    func commit(_ record: ImageRecord, expiry: Duration) throws(CacheFailure) {
        try discardingOnFailure { () throws(CacheFailure) in
            switch state {
            case .holding(let chunk?): try store(chunk, record, expiry)
            case .writing(let draft): try publish(draft, record, expiry)
            case .holding(nil), .ended: throw Self.givenUp
            }
        }
        state = .ended
    }

    func discard() {
        if case .writing(let draft) = state { tier.unlink(draft.key) }
        state = .ended
    }

    private static let givenUp = CacheFailure(reason: "there is no image to be written")

    private func discardingOnFailure(_ body: () throws(CacheFailure) -> Void) throws(CacheFailure) {
        do {
            try body()
        } catch {
            discard()
            throw error
        }
    }
}

// MARK: - One chunk

extension RedisWriter {
    private func store(_ chunk: [UInt8], _ record: ImageRecord, _ expiry: Duration) throws(CacheFailure) {
        try check(record, size: chunk.count)
        let opening = encoder.opening
        try tier.write { (connection) throws(RedisError) in
            try connection.setString(key.bytes, expiry: expiry, length: record.encodedLength(encoder.format)) {
                (value) throws(RedisError) in
                try value.write(opening.span)
                try encoder.encode(chunk.span) { (piece) throws(RedisError) in try value.write(piece) }
                try value.write(encoder.closing(record).span)
            }
        }
    }

    private func check(_ record: ImageRecord, size: Int) throws(CacheFailure) {
        guard record.size == size, size == length ?? size else {
            throw CacheFailure(reason: "the image has another length than was said")
        }
        // A reader that sees the end of a value alone must see all of it.
        guard record.closing(encoder.format).count <= ImageRecord.tailLength else {
            throw CacheFailure(reason: "the record has too much in it besides the image")
        }
    }
}

// MARK: - Several chunks

extension RedisWriter {
    private func draft() -> Draft {
        let token = String(UInt64.random(in: 0 ... .max), radix: 16)
        let allocated = length.map {
            encoder.opening.count + ImageRecord.contentLength(ofSize: $0, encoder.format) + Self.closingRoom
        }
        return Draft(key: RedisArgument(key.companion(CacheKey.draftPrefix + token)), allocated: allocated)
    }

    /// Adds the next bytes of the image to the draft.
    private func add(_ chunk: [UInt8]) throws(CacheFailure) {
        guard case .writing(let draft) = state else { return }
        guard chunk.count <= (length ?? .max) - encoder.size else {
            throw CacheFailure(reason: "the image is longer than was said")
        }
        let opening = draft.written == 0 ? encoder.opening : []
        let length = opening.count + encoder.length(ofNext: chunk.count)
        let replies = try tier.write { (connection) throws(RedisError) in
            try connection.pipeline(draft.begin, writing: draft.command(length: length), then: draft.end) {
                (value) throws(RedisError) in
                try value.write(opening.span)
                try encoder.encode(chunk.span) { (piece) throws(RedisError) in try value.write(piece) }
            }.results()
        }
        // The length after the write. Another says that the key was evicted, or went the way of all keys, in between.
        guard replies.dropLast().last == .integer(Int64(draft.allocated ?? draft.written + length)) else {
            throw CacheFailure(reason: "what was written of the image has gone")
        }
        state = .writing(draft.grown(by: length))
    }

    /// Ends the draft and puts it in its place.
    private func publish(_ draft: Draft, _ record: ImageRecord, _ expiry: Duration) throws(CacheFailure) {
        try check(record, size: encoder.size)
        let closing = encoder.closing(record, atLeast: (draft.allocated ?? 0) - draft.written)
        let script = RedisScript.publish(
            draft: draft.key, key: RedisArgument(key.bytes), length: draft.allocated ?? draft.written,
            closing: closing, at: draft.written, expiry: expiry)
        guard try tier.run(script) == .integer(1) else {
            throw CacheFailure(reason: "what was written of the image has gone")
        }
    }
}

extension RedisWriter.Draft {
    fileprivate func grown(by count: Int) -> Self {
        var grown = self
        grown.written += count
        return grown
    }

    /// Begins the transaction of the next write; the first one with a known length allocates it all.
    fileprivate var begin: [[RedisArgument]] {
        guard let allocated, written == 0 else { return [["MULTI"]] }
        return [["MULTI"], ["SETRANGE", key, RedisArgument(allocated - 1), " "]]
    }

    /// Writes the next `length` bytes of the value.
    fileprivate func command(length: Int) -> RedisValueCommand {
        let words: [RedisArgument] =
            allocated == nil ? ["APPEND", key] : ["SETRANGE", key, RedisArgument(written)]
        return RedisValueCommand(words, length: length)
    }

    /// Ends the transaction.
    fileprivate var end: [[RedisArgument]] {
        [["PEXPIRE", key, RedisArgument(milliseconds: RedisWriter.patience)], ["EXEC"]]
    }
}

extension [RedisReply] {
    /// What the commands of a transaction answered, if these are the answers to all of it and none was refused.
    fileprivate func results() throws(RedisError) -> [RedisReply] {
        for case .error(let message) in self { throw RedisError(refusal: message) }
        guard case .array(let results) = last else { throw .protocolViolation }
        for case .error(let message) in results { throw RedisError(refusal: message) }
        return results
    }
}
