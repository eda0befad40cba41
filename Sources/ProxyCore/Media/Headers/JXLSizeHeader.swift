/// The size header at the start of a JPEG XL codestream (ISO/IEC 18181-1, annex D.2).
enum JXLSizeHeader {
    /// The most bytes that a signature and a size header take: 16 bits, then at most 1 + 32 + 3 + 32.
    static let longest = 11

    /// Nil when the bytes are no codestream.
    static func dimensions(ofCodestream bytes: RawSpan) throws(EndOfBytes) -> PixelDimensions? {
        guard try bytes.has([0xFF, 0x0A]) else { return nil }
        var bits = BitReader(position: 16)
        let isMultipleOf8 = try bits.read(1, of: bytes) == 1
        let height = try length(isMultipleOf8, &bits, bytes)
        // Common aspect ratios take the place of a width.
        switch try bits.read(3, of: bytes) {
        case 1: return PixelDimensions(width: height, height: height)
        case 2: return PixelDimensions(width: height * 12 / 10, height: height)
        case 3: return PixelDimensions(width: height * 4 / 3, height: height)
        case 4: return PixelDimensions(width: height * 3 / 2, height: height)
        case 5: return PixelDimensions(width: height * 16 / 9, height: height)
        case 6: return PixelDimensions(width: height * 5 / 4, height: height)
        case 7: return PixelDimensions(width: height * 2, height: height)
        default: return PixelDimensions(width: try length(isMultipleOf8, &bits, bytes), height: height)
        }
    }

    private static func length(_ isMultipleOf8: Bool, _ bits: inout BitReader, _ bytes: RawSpan)
        throws(EndOfBytes) -> Int
    {
        if isMultipleOf8 { return (try bits.read(5, of: bytes) + 1) * 8 }
        return switch try bits.read(2, of: bytes) {
        case 0: try bits.read(9, of: bytes) + 1
        case 1: try bits.read(13, of: bytes) + 1
        case 2: try bits.read(18, of: bytes) + 1
        default: try bits.read(30, of: bytes) + 1
        }
    }
}

/// Takes bits from the least significant end of each byte on.
private struct BitReader {
    var position: Int

    mutating func read(_ count: Int, of bytes: RawSpan) throws(EndOfBytes) -> Int {
        var value = 0
        for index in 0..<count {
            let byte = try bytes.byte(at: position >> 3)
            value |= Int(byte >> UInt8(position & 7) & 1) << index
            position += 1
        }
        return value
    }
}
