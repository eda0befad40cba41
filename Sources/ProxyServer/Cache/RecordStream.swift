internal import Base64
internal import Redis
import ProxyCore

/// A record on its way from Redis, and the image that comes out of it: two buffers, whatever the size.
///
/// The last piece is handed out when all of the record has been seen and found sound, so that who counts the bytes never
/// takes damage for a whole image.
struct RecordStream {
    private let lease: RedisLease
    /// Where the image or its text stands in the value.
    private let place: Range<Int>
    /// What the value begins with, before the image.
    private let opening: [UInt8]
    private let size: Int
    /// Of the value.
    private let length: Int
    private let isText: Bool

    /// What Redis may take beyond what the size explains when the response has begun: it has the whole answer ready by the
    /// time, and only a machine that is very busy takes long over it.
    private static let patience = Duration.seconds(5)
    /// How long a client may keep Redis waiting before it is the client's fault that Redis closes.
    private static let pause = Duration.seconds(1)
    /// Bytes a second that a server which is worth asking delivers at least.
    private static let slowest = 4 << 20
    private static let pieceLength = 64 << 10

    private var decoder = Base64Decoder()
    /// What was read last; for a raw record also the piece.
    private var value = [UInt8](repeating: 0, count: pieceLength)
    /// What was decoded last.
    private var decoded: [UInt8]
    /// Where in `decoded`, or in `value`, bytes of the image wait to be handed out.
    private var pending = 0..<0
    /// Bytes of the value that were read, and bytes of the image that came of them.
    private var position = 0
    private var count = 0
    /// Why it broke off, when the response had begun.
    private(set) var failure: RecordReading.Failure?

    /// For the string of `length` bytes that has just been opened on the connection. Of text with escapes there is none.
    init(_ lease: RedisLease, _ located: ImageRecord.Located, length: Int) {
        self.lease = lease
        self.length = length
        size = located.record.size
        switch located.content {
        case .text(let range): (place, opening, isText) = (range, ImageRecord.opening, true)
        case .bytes(let range): (place, opening, isText) = (range, [], false)
        case .unescaped: preconditionFailure("the end of a value does not show escapes")
        }
        decoded = isText ? [UInt8](repeating: 0, count: Base64.decodedCapacity(Self.pieceLength) + 4) : []
    }

    /// Reads everything and keeps nothing; throws when the record is not sound.
    mutating func verify() throws(RecordReading.Failure) {
        while try readPiece() {}
    }

    /// What the size of a value explains.
    static func transferTime(of length: Int) -> Duration { .milliseconds(length / (slowest / 1000)) }

    /// Reads the first piece and shows it to `body`.
    mutating func readFirstPiece<Result>(
        _ body: (RawSpan) throws(RecordReading.Failure) -> Result
    ) throws(RecordReading.Failure) -> Result {
        _ = try readPiece()
        return try body(RawSpan(_elements: buffer.span).extracting(pending))
    }

    /// Hands out what is in `range`, and reads no further. Only the time that Redis takes is counted, not the client's.
    mutating func forEachPiece(
        in range: Range<Int>, _ body: (RawSpan) throws(ProxyError) -> Void
    ) throws(ProxyError) -> Bool {
        // The head goes out with the first piece, and there is no way back from that.
        var left = Self.patience + Self.transferTime(of: length)
        var lastRead = ContinuousClock.now
        while !pending.isEmpty || isReading(within: &left, since: &lastRead) {
            let start = count - pending.count
            let wanted = range.clamped(to: start..<count)
            let part = pending.lowerBound + wanted.lowerBound - start..<pending.lowerBound + wanted.upperBound - start
            pending = 0..<0
            if !part.isEmpty { try body(RawSpan(_elements: buffer.span).extracting(part)) }
            if range.upperBound <= count { return true }
        }
        return false
    }

    /// What `pending` is a range of.
    private var buffer: [UInt8] { isText ? decoded : value }

    private mutating func isReading(within left: inout Duration, since last: inout ContinuousClock.Instant) -> Bool {
        let start = ContinuousClock.now
        lease.connection.readPatiently(until: start + left)
        defer {
            let end = ContinuousClock.now
            left -= end - start
            last = end
        }
        do { return try readPiece() } catch {
            // Redis may be set to close on those who take long, and our client may be slow on purpose.
            if case .redis(.closed) = error, start - last > Self.pause { return false }
            failure = error
            return false
        }
    }
}

// MARK: - Reading

extension RecordStream {
    /// Reads until bytes of the image have come; false after the last, when all has turned out sound.
    private mutating func readPiece() throws(RecordReading.Failure) -> Bool {
        pending = 0..<0
        while pending.isEmpty, position < length {
            let start = position
            let read = try readValue()
            try checkOpening(read, at: start)
            let part = place.clamped(to: start..<start + read)
            if !part.isEmpty { try take(part.lowerBound - start..<part.upperBound - start) }
        }
        if count == size || position == length { try readEnd() }
        return !pending.isEmpty
    }

    /// Takes bytes of the image out of what was read.
    private mutating func take(_ range: Range<Int>) throws(RecordReading.Failure) {
        if isText {
            do { try decode(range) } catch { throw .damaged("base64") }
        } else {
            pending = range
        }
        count += pending.count
    }

    /// Reads what stands behind the image. The connection compares it with the end that was seen at first.
    private mutating func readEnd() throws(RecordReading.Failure) {
        guard position < length else { return try finish() }
        // The piece that waits to be handed out may lie in the buffer.
        let kept = value
        if !isText { value = [UInt8](repeating: 0, count: min(length - position, Self.pieceLength)) }
        while position < length {
            let start = position
            let read = try readValue()
            let part = place.clamped(to: start..<start + read)
            if !part.isEmpty { throw .damaged(RecordError.sizeMismatch.rawValue) }
        }
        if !isText { value = kept }
        try finish()
    }

    private mutating func finish() throws(RecordReading.Failure) {
        do { try decoder.finish() } catch { throw .damaged("base64") }
        guard count == size else { throw .damaged(RecordError.sizeMismatch.rawValue) }
    }

    // The buffers are moved out of `self` while a span of theirs is lent: not copied, since nobody else has them.

    private mutating func decode(_ range: Range<Int>) throws(Base64Error) {
        let input = value
        var output = decoded
        decoded = []
        defer { decoded = output }
        var span = output.mutableSpan
        pending = 0..<(try decoder.decode(input.span.extracting(range), into: &span))
    }

    private mutating func readValue() throws(RecordReading.Failure) -> Int {
        var input = value
        value = []
        defer { value = input }
        var span = input.mutableSpan
        let read: Int
        do { read = try lease.connection.read(into: &span) } catch { throw .redis(error) }
        // 0 comes from a string that was closed before its end.
        guard read > 0 else { throw .redis(.closed) }
        position += read
        return read
    }

    /// The tail showed where the text ends; that it begins where we expect is seen here.
    private func checkOpening(_ read: Int, at start: Int) throws(RecordReading.Failure) {
        for offset in start..<max(start, min(opening.count, start + read)) {
            guard value[offset - start] == opening[offset] else { throw .damaged(RecordError.notJSON.rawValue) }
        }
    }
}
