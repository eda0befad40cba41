internal import Base64
import ProxyCore

/// Lays an image out as a value of the cache, chunk by chunk.
///
/// It holds one buffer, whatever the size. A chunk may have any length: what is over after the last group of three bytes
/// waits for the next, so that the texts of all chunks join into one.
struct RecordEncoder {
    let format: ImageRecord.Format
    /// Bytes of the image so far.
    private(set) var size = 0
    private var carry: [UInt8] = []
    private var text: [UInt8] = []

    /// Bytes that are encoded at once: with their text they fit the caches of a processor.
    private static let step = 48 << 10

    init(_ format: ImageRecord.Format) { self.format = format }

    /// What stands before the image.
    var opening: [UInt8] { ImageRecord.opening(format) }

    /// How much `encode` makes of the next `count` bytes.
    func length(ofNext count: Int) -> Int { format == .raw ? count : (carry.count + count) / 3 * 4 }

    /// Hands what becomes of `chunk` to `write`, in pieces.
    mutating func encode<Failure: Error>(
        _ chunk: Span<UInt8>, _ write: (Span<UInt8>) throws(Failure) -> Void
    ) throws(Failure) {
        size += chunk.count
        guard format == .json else { return try write(chunk) }
        let borrowed = carry.isEmpty ? 0 : min(3 - carry.count, chunk.count)
        for index in 0..<borrowed { carry.append(chunk[index]) }
        if carry.count == 3 {
            let group = carry
            carry = []
            try encode(group: group.span, write)
        }
        var rest = chunk.extracting(droppingFirst: borrowed)
        while rest.count >= 3 {
            let count = min(rest.count / 3 * 3, Self.step)
            try encode(group: rest.extracting(first: count), write)
            rest = rest.extracting(droppingFirst: count)
        }
        for index in rest.indices { carry.append(rest[index]) }
    }

    /// What stands behind all that was encoded, filled up to `length` where it is shorter.
    func closing(_ record: ImageRecord, atLeast length: Int = 0) -> [UInt8] {
        var closing: [UInt8] = []
        Base64.encode(carry.span, appendingTo: &closing)
        return closing + record.closing(format, atLeast: length - closing.count)
    }

    private mutating func encode<Failure: Error>(
        group bytes: Span<UInt8>, _ write: (Span<UInt8>) throws(Failure) -> Void
    ) throws(Failure) {
        let length = Base64.encodedLength(bytes.count)
        if text.count < length { text = [UInt8](repeating: 0, count: length) }
        var output = text.mutableSpan
        _ = Base64.encode(bytes, into: &output)
        try write(text.span.extracting(first: length))
    }
}
