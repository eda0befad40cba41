internal import Base64
internal import Redis
import ProxyCore

/// Reads one image record from Redis: in one piece where it fits a buffer, else as a stream that is never held.
///
/// What goes out is judged as strictly as what an origin sends: the layout, the length, every character of the base64,
/// the label and the first bytes. Whoever can write to Redis cannot make us serve anything but an image.
struct RecordReading {
    let key: CacheKey
    let pool: RedisPool
    /// Large records that this process has read whole and found sound.
    let verified: RecentSet
    /// The longest value that is a record.
    let limit: Int
    /// How long finding may take, and checking beyond what the size explains; a server that drips must not hold a
    /// request.
    let patience: Duration

    enum Failure: Error {
        case redis(RedisError)
        case damaged(String)
    }

    /// The damage of a record that another took the place of while it was read.
    static let replaced = "replaced"

    /// A value up to this length is read whole, checked whole, and decoded where it lies.
    static let wholeLength = 128 << 10

    /// The image, or nil when there is none.
    func open() throws(Failure) -> CachedImage? {
        let lease = try redis { () throws(RedisError) in try pool.lease() }
        guard let value = try openString(on: lease) else { return nil }
        if value.length <= Self.wholeLength { return try whole(value, lease) }
        guard let located = ImageRecord.parse(tail: value.tail.span, length: value.length) else {
            return try whole(value, lease)
        }
        return try stream(value, located, lease)
    }

    private func openString(on lease: RedisLease) throws(Failure) -> RedisString? {
        try redis { () throws(RedisError) in
            try lease.connection.openString(
                key.bytes, tail: ImageRecord.tailLength, limit: limit, deadline: .now + patience)
        }
    }

    /// Any layout, in memory.
    private func whole(_ value: RedisString, _ lease: RedisLease) throws(Failure) -> CachedImage {
        var bytes = try redis { () throws(RedisError) in try lease.connection.readAll() }
        let located: ImageRecord.Located
        do { located = try ImageRecord.locate(in: bytes.span) } catch { throw .damaged(error.rawValue) }
        let range = try Self.decode(located, in: &bytes)
        let type = try Self.type(of: located.record, beginning: RawSpan(_elements: bytes.span).extracting(range))
        return CachedImage(
            type: type, record: located.record, fingerprint: fingerprint(value), body: WholeBody(bytes, range))
    }

    /// Where the image lies when what was located in `bytes` is decoded.
    private static func decode(_ located: ImageRecord.Located, in bytes: inout [UInt8]) throws(Failure) -> Range<Int> {
        let text: Range<Int>
        switch located.content {
        case .bytes(let range): return range
        case .text(let range): text = range
        case .unescaped(let unescaped):
            bytes = unescaped
            text = bytes.indices
        }
        let count: Int
        do {
            var span = bytes.mutableSpan
            count = try Base64.decode(inPlace: &span, text)
        } catch { throw .damaged("base64") }
        guard count == located.record.size else { throw .damaged(RecordError.sizeMismatch.rawValue) }
        return text.lowerBound..<text.lowerBound + count
    }

    /// Our layouts, too long to be held: streamed, a text once it has been read through for its soundness.
    private func stream(
        _ value: RedisString, _ located: ImageRecord.Located, _ lease: RedisLease
    ) throws(Failure) -> CachedImage {
        let fingerprint = fingerprint(value)
        var stream = RecordStream(lease, located, length: value.length)
        // Of raw bytes there is nothing to be verified that the stream does not see in time.
        if stream.isText, !verified.contains(fingerprint.value) {
            try stream.verify(patience: patience)
            verified.insert(fingerprint.value)
            let again = try openString(on: lease)
            // Replaced meanwhile: what is there now is another record, for the next request to read.
            guard let again, again.length == value.length, again.tail == value.tail else {
                throw .damaged(Self.replaced)
            }
            stream = RecordStream(lease, located, length: value.length)
        }
        let record = located.record
        let type = try stream.readFirstPiece { (first) throws(Failure) in try Self.type(of: record, beginning: first) }
        return CachedImage(type: type, record: record, fingerprint: fingerprint, body: StreamedBody(stream))
    }

    private func fingerprint(_ value: RedisString) -> RecordFingerprint {
        RecordFingerprint(key: key, tail: value.tail, length: value.length)
    }

    private static func type(of record: ImageRecord, beginning: RawSpan) throws(Failure) -> MediaType {
        guard let type = MediaType(of: record, beginning: beginning) else { throw .damaged(notAnImage) }
        return type
    }

    /// The damage of what is none of the images that are served.
    static let notAnImage = "not-an-image"

    private func redis<Result>(_ body: () throws(RedisError) -> Result) throws(Failure) -> Result {
        do { return try body() } catch { throw .redis(error) }
    }
}

extension MediaType {
    /// The type that the bytes of a record show; nil where that is none, or where the label is not that of an image at all.
    init?(of record: ImageRecord, beginning: RawSpan) {
        guard MediaType(label: record.contentType) != nil,
            case .image(let type) = MediaTypeSniffer.sniff(beginning, isComplete: true)
        else { return nil }
        self = type
    }
}

/// An image that lies decoded in memory.
final class WholeBody: CachedBody {
    private let bytes: [UInt8]
    private let range: Range<Int>

    init(_ bytes: [UInt8], _ range: Range<Int>) {
        self.bytes = bytes
        self.range = range
    }

    /// The image for memory: a copy, since the buffer is a third longer, as the base64 was, and memory counts images.
    func entry(for image: CachedImage) -> MemoryEntry { MemoryEntry(image, Array(bytes[range]), readAt: .now) }

    func forEachPiece(
        in part: Range<Int>, _ body: (RawSpan) throws(ProxyError) -> Void
    ) throws(ProxyError) -> Bool {
        let bytes = bytes
        let image = RawSpan(_elements: bytes.span).extracting(range)
        try body(image.extracting(part.clamped(to: 0..<range.count)))
        return true
    }
}
