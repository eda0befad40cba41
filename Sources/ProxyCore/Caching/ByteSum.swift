/// A sum over bytes that changes with any of them: it finds what a disk or a crash has damaged, not what somebody has
/// changed on purpose. Some bytes a nanosecond.
///
/// Bytes come in pieces of any length; the sum depends on the bytes alone.
public struct ByteSum: Sendable {
    private var state: UInt64 = 0x9e37_79b9_7f4a_7c15
    private var word: UInt64 = 0
    /// Bytes that came, of which those beyond the last multiple of 8 are in `word`.
    private var count = 0

    public init() {}

    public init(of bytes: RawSpan) {
        add(bytes)
    }

    public mutating func add(_ bytes: RawSpan) {
        var place = 0
        while place < bytes.byteCount, count % 8 != 0 { take(bytes, &place) }
        let end = place + (bytes.byteCount - place) / 8 * 8
        count += end - place
        while place < end {
            // Within the bounds by the line above, and every bit pattern is a number.
            mix(UInt64(littleEndian: unsafe bytes.unsafeLoadUnaligned(fromByteOffset: place, as: UInt64.self)))
            place += 8
        }
        while place < bytes.byteCount { take(bytes, &place) }
    }

    /// The sum of what has come so far.
    public var value: UInt64 {
        var end = self
        // The length, too: what a piece of zeros adds must show.
        end.mix(end.word)
        end.mix(UInt64(truncatingIfNeeded: count))
        return end.state ^ end.state >> 29
    }

    private mutating func take(_ bytes: RawSpan, _ place: inout Int) {
        word |= UInt64(unsafe bytes.unsafeLoad(fromByteOffset: place, as: UInt8.self)) << UInt64(count % 8 * 8)
        place += 1
        count += 1
        guard count % 8 == 0 else { return }
        mix(word)
        word = 0
    }

    /// One to one in each argument, so that a single word that differs always shows.
    private mutating func mix(_ next: UInt64) {
        state = (state ^ next) &* 0x9fb2_1c65_1e98_df25
        state ^= state >> 32
    }
}
