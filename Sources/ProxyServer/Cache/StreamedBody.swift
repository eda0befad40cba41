internal import Base64
internal import Redis
import ProxyCore

/// The image in a record that is too long to be held: decoded piece by piece while Redis sends it.
///
/// Two buffers, whatever the size. It owns the connection until it is gone.
final class StreamedBody: CachedBody {
    private var stream: RecordStream

    init(_ stream: RecordStream) { self.stream = stream }

    func forEachPiece(_ body: (RawSpan) throws(ProxyError) -> Void) throws(ProxyError) -> Bool {
        try stream.forEachPiece(body)
    }
}

/// The text of a record on its way from Redis, and the image that comes out of it.
struct RecordStream {
    private let lease: RedisLease
    private let textRange: Range<Int>
    private let size: Int

    /// Redis has the whole answer ready by the time; only a machine that is very busy takes long over a piece of it.
    private static let patience = Duration.seconds(10)
    /// Bytes a second that a server which is worth asking delivers at least.
    private static let slowest = 4 << 20

    private var decoder = Base64Decoder()
    private var text = [UInt8](repeating: 0, count: 64 << 10)
    private var piece = [UInt8](repeating: 0, count: Base64.decodedCapacity(64 << 10) + 4)
    /// Bytes of `piece` that are decoded and not handed out.
    private var pending = 0
    /// Bytes of the value that were read.
    private var position = 0
    private var decoded = 0

    /// For the string that has just been opened on the connection.
    init(_ lease: RedisLease, textRange: Range<Int>, size: Int) {
        self.lease = lease
        self.textRange = textRange
        self.size = size
    }

    /// Reads everything and keeps nothing; throws when the record is not sound, or takes much longer than `patience`.
    mutating func verify(patience: Duration) throws(RecordReading.Failure) {
        let transfer = Duration.milliseconds(textRange.count / (Self.slowest / 1000))
        lease.connection.setStringDeadline(.now + patience + transfer)
        while try decodeNext() { pending = 0 }
    }

    /// Decodes the first piece and shows it to `body`.
    mutating func readFirstPiece<Result>(
        _ body: (RawSpan) throws(RecordReading.Failure) -> Result
    ) throws(RecordReading.Failure) -> Result {
        _ = try decodeNext()
        return try body(RawSpan(_elements: piece.span).extracting(first: pending))
    }

    mutating func forEachPiece(_ body: (RawSpan) throws(ProxyError) -> Void) throws(ProxyError) -> Bool {
        // The head goes out with the first piece, and there is no way back from that.
        lease.connection.readPatiently(Self.patience)
        while pending > 0 || isDecoding() {
            let ready = pending
            pending = 0
            try body(RawSpan(_elements: piece.span).extracting(first: ready))
        }
        return decoded == size
    }

    private mutating func isDecoding() -> Bool { (try? decodeNext()) ?? false }

    /// Decodes until there is a piece; false after the last, when all has turned out sound.
    private mutating func decodeNext() throws(RecordReading.Failure) -> Bool {
        while pending == 0 {
            let count = try readText()
            guard count > 0 else {
                do { try decoder.finish() } catch { throw .damaged("base64") }
                guard decoded == size else { throw .damaged(RecordError.sizeMismatch.rawValue) }
                return false
            }
            try checkOpening(count)
            let part = textRange.clamped(to: position..<position + count)
            if !part.isEmpty {
                do {
                    try decode(part.lowerBound - position..<part.upperBound - position)
                } catch { throw .damaged("base64") }
            }
            position += count
        }
        return true
    }

    // The buffers are moved out of `self` while a span of theirs is lent: not copied, since nobody else has them.

    private mutating func decode(_ range: Range<Int>) throws(Base64Error) {
        let input = text
        var output = piece
        piece = []
        defer { piece = output }
        var span = output.mutableSpan
        pending = try decoder.decode(input.span.extracting(range), into: &span)
        decoded += pending
    }

    private mutating func readText() throws(RecordReading.Failure) -> Int {
        var input = text
        text = []
        defer { text = input }
        var span = input.mutableSpan
        do { return try lease.connection.read(into: &span) } catch { throw .redis(error) }
    }

    /// The tail showed where the text ends; that it begins where we expect is seen here.
    private func checkOpening(_ count: Int) throws(RecordReading.Failure) {
        let opening = ImageRecord.opening
        for offset in position..<max(position, min(opening.count, position + count)) {
            guard text[offset - position] == opening[offset] else { throw .damaged(RecordError.notJSON.rawValue) }
        }
    }
}
