internal import Base64
internal import Redis
import ProxyCore

/// Reads one image record from Redis: in one piece where it fits a buffer, or is not very long, new, and there is room for
/// it; else as a stream that is never held.
///
/// What goes out is judged as strictly as what an origin sends: the layout, the length, every character of the base64,
/// the label and the first bytes. Whoever can write to Redis cannot make us serve anything but an image.
struct RecordReading {
    let key: CacheKey
    let pool: RedisPool
    /// Large records that this process has read whole and found sound.
    let verified: RecentSet
    /// Keys of records that were short when they were last read.
    let short: RecentSet
    /// Those that did not come whole when they were last handed out.
    let suspected: RecentSet
    /// The longest value that is a record.
    let limit: Int
    /// How long finding may take, and checking beyond what the size explains; a server that drips must not hold a
    /// request.
    let patience: Duration
    /// What a record of another layout than ours takes while it is held.
    let foreign: StoreBudget
    /// What records of ours take that are held, though they are longer than a buffer, since nobody has read them yet.
    let unread: StoreBudget
    /// Told of what Redis does to a record that has begun to go out.
    let broken: @Sendable (RedisError) -> Void

    enum Failure: Error {
        case redis(RedisError)
        case damaged(String)
    }

    /// The damage of a record that another took the place of while it was read.
    static let replaced = "replaced"

    /// A value up to this length is read whole, checked whole, and decoded where it lies.
    static let wholeLength = 128 << 10

    /// One up to this length is held when it is read for the first time. For a longer one the system takes as much time to find
    /// memory as Redis does to send it a second time (measured: the same at a megabyte and a half).
    private static let heldLength = 1 << 20

    /// The image, or nil when there is none.
    func open() throws(Failure) -> CachedImage? {
        let lease = try redis { () throws(RedisError) in try pool.lease() }
        guard let value = try openString(on: lease) else { return nil }
        let fingerprint = RecordFingerprint(key: key, tail: value.tail, length: value.length)
        if value.length <= Self.wholeLength {
            short.insert(key.hashValue)
            return try whole(fingerprint, lease)
        }
        if let located = ImageRecord.parse(tail: value.tail.span, length: value.length) {
            return try long(value, fingerprint, located, lease)
        }
        // Twice its length: text with escapes is there with them and without. A miss puts our layout in its place.
        let room = Reservation(value.length * 2, of: foreign, within: foreign.limit, waiting: Self.turn)
        return try room.map { (room) throws(Failure) in try whole(fingerprint, lease, holding: room) }
    }

    /// How long it may have to wait until others are done with theirs.
    private static let turn = Duration.milliseconds(100)

    private func openString(on lease: RedisLease) throws(Failure) -> RedisString? {
        try redis { () throws(RedisError) in
            try lease.connection.openString(
                key.bytes, tail: ImageRecord.tailLength, limit: limit, deadline: .now + patience)
        }
    }

    /// Any layout, in memory.
    private func whole(
        _ fingerprint: RecordFingerprint, _ lease: RedisLease, holding room: Reservation? = nil
    ) throws(Failure) -> CachedImage {
        let bytes = try redis { () throws(RedisError) in try lease.connection.readAll() }
        return try whole(bytes, fingerprint, holding: room)
    }

    /// A record that has been read, and was in Redis at `readAt`.
    func whole(
        _ value: consuming [UInt8], _ fingerprint: RecordFingerprint, holding room: Reservation? = nil,
        readAt: ContinuousClock.Instant = .now
    ) throws(Failure) -> CachedImage {
        var bytes = value
        let located: ImageRecord.Located
        do { located = try ImageRecord.locate(in: bytes.span) } catch { throw .damaged(error.rawValue) }
        let range = try Self.decode(located, in: &bytes)
        let type = try Self.type(of: located.record, beginning: RawSpan(_elements: bytes.span).extracting(range))
        return CachedImage(
            type: type, record: located.record, fingerprint: fingerprint,
            body: WholeBody(bytes, range, holding: room, readAt: readAt))
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

    /// Our layouts, longer than a buffer: streamed. A text must have been read once for its soundness; while there is room,
    /// it is held meanwhile and not read again.
    private func long(
        _ value: RedisString, _ fingerprint: RecordFingerprint, _ located: ImageRecord.Located, _ lease: RedisLease
    ) throws(Failure) -> CachedImage {
        // Of raw bytes there is nothing to be verified that the stream does not see in time, once.
        let isKnown = located.isRaw || verified.contains(fingerprint.value)
        guard !isKnown || suspected.contains(fingerprint.value) else {
            return try streamed(value, fingerprint, located, lease)
        }
        lease.connection.setStringDeadline(.now + patience + RecordStream.transferTime(of: value.length))
        if value.length <= Self.heldLength,
            let room = Reservation(value.length, of: unread, within: unread.limit)
        {
            let image = try whole(fingerprint, lease, holding: room)
            noteSound(fingerprint)
            return image
        }
        var stream = RecordStream(lease, located, length: value.length)
        try stream.verify()
        noteSound(fingerprint)
        let again = try openString(on: lease)
        // Replaced meanwhile: what is there now is another record, for the next request to read.
        guard let again, again.length == value.length, again.tail == value.tail else { throw .damaged(Self.replaced) }
        return try streamed(value, fingerprint, located, lease)
    }

    private func noteSound(_ fingerprint: RecordFingerprint) {
        suspected.remove(fingerprint.value)
        verified.insert(fingerprint.value)
    }

    private func streamed(
        _ value: RedisString, _ fingerprint: RecordFingerprint, _ located: ImageRecord.Located, _ lease: RedisLease
    ) throws(Failure) -> CachedImage {
        let record = located.record
        var stream = RecordStream(lease, located, length: value.length)
        let type = try stream.readFirstPiece { (first) throws(Failure) in try Self.type(of: record, beginning: first) }
        let body = StreamedBody(stream) { [suspected, broken] failure in
            // The next one who asks reads it through once more, and finds what is wrong with it.
            suspected.insert(fingerprint.value)
            if case .redis(let error) = failure { broken(error) }
        }
        return CachedImage(type: type, record: record, fingerprint: fingerprint, body: body)
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

extension ImageRecord.Located {
    /// Whether the image stands in the value as it is.
    fileprivate var isRaw: Bool {
        if case .bytes = content { true } else { false }
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
    private let room: Reservation?
    private let readAt: ContinuousClock.Instant

    /// `room` is what `bytes` take of a budget; at `readAt` the cache had them.
    init(
        _ bytes: [UInt8], _ range: Range<Int>, holding room: Reservation? = nil,
        readAt: ContinuousClock.Instant = .now
    ) {
        self.bytes = bytes
        self.range = range
        self.room = room
        self.readAt = readAt
    }

    /// The image for memory: a copy, since the buffer is a third longer, as the base64 was, and memory counts images.
    func entry(for image: CachedImage) -> MemoryEntry { MemoryEntry(image, Array(bytes[range]), readAt: readAt) }

    func forEachPiece(
        in part: Range<Int>, _ body: (RawSpan) throws(ProxyError) -> Void
    ) throws(ProxyError) -> Bool {
        let bytes = bytes
        let image = RawSpan(_elements: bytes.span).extracting(range)
        try body(image.extracting(part.clamped(to: 0..<range.count)))
        return true
    }
}
