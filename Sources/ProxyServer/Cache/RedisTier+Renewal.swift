internal import Redis
import ProxyCore

extension RedisTier {
    /// Writes the closing of a record anew and leaves its bytes where they are. The fingerprint that the record has from
    /// then on; nil when what is there is another than `fingerprint` tells, or is not laid out as we lay it out.
    func renewed(
        _ fingerprint: RecordFingerprint, as record: ImageRecord, expiry: Duration, _ key: CacheKey
    ) throws(CacheFailure) -> RecordFingerprint? {
        let name = RedisArgument(key.bytes)
        let replies = try write { (connection) throws(RedisError) in
            try connection.pipeline(Self.tailCommands(name))
        }
        guard let found = Self.tail(replies[...]),
            RecordFingerprint(key: key, tail: found.bytes, length: found.length) == fingerprint,
            let patch = RecordPatch(tail: found.bytes, length: found.length, record)
        else { return nil }
        // Between the two round trips anything may happen, so the script looks once more.
        let script = RedisScript.patch(
            key: name, tail: found.bytes, length: found.length, closing: patch.closing, at: patch.offset,
            expiry: expiry)
        guard try run(script) == .integer(1) else { return nil }
        let renewed = RecordFingerprint(key: key, tail: patch.tail, length: patch.length)
        if verified.contains(fingerprint.value) { verified.insert(renewed.value) }
        return renewed
    }
}

/// The closing of a value that takes the place of another, and what the value's end is then.
struct RecordPatch {
    /// Where it stands in the value.
    let offset: Int
    let closing: [UInt8]
    let tail: [UInt8]
    let length: Int

    /// For the value of `length` bytes that ends in `tail`; nil when `record` is not of its image, or would not be found
    /// there, or the layout is not ours.
    init?(tail: [UInt8], length: Int, _ record: ImageRecord) {
        guard let located = ImageRecord.parse(tail: tail.span, length: length), located.record.size == record.size
        else {
            return nil
        }
        let format: ImageRecord.Format
        switch located.content {
        case .text(let range): (format, offset) = (.json, range.upperBound)
        case .bytes(let range): (format, offset) = (.raw, range.upperBound)
        case .unescaped: return nil
        }
        closing = record.closing(format, atLeast: length - offset)
        guard closing.count <= ImageRecord.tailLength else { return nil }
        self.length = offset + closing.count
        let before = tail.dropLast(length - offset)
        self.tail = Array((before + closing).suffix(ImageRecord.tailLength))
    }
}
