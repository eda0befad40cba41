/// The first chunk (RFC 9649, 2.5 to 2.7): simple lossy, simple lossless or extended.
struct WebPHeader: HeaderReader {
    let opening = 16
    private var chunk: FourCharacterCode?

    mutating func next(_ piece: RawSpan) throws(EndOfBytes) -> HeaderStep {
        switch chunk {
        case nil:
            let code = try piece.code(at: 12)
            chunk = code
            return .read(code == "VP8L" ? 9 : 14)
        case "VP8 "?:
            // RFC 6386, 9.1: a frame tag, a start code, then 14 bits each; the two above them scale for display.
            guard try piece.has([0x9D, 0x01, 0x2A], at: 7) else { return .unknown }
            let width = try piece.littleEndian(UInt16.self, at: 10) & 0x3FFF
            return .found(PixelDimensions(width, try piece.littleEndian(UInt16.self, at: 12) & 0x3FFF))
        case "VP8L"?:
            // RFC 9649, 3.4: 14 bits each, both less one.
            guard try piece.byte(at: 4) == 0x2F else { return .unknown }
            let bits = try piece.littleEndian(UInt32.self, at: 5)
            return .found(PixelDimensions((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1))
        case "VP8X"?:
            // RFC 9649, 2.7: the canvas, 24 bits each, both less one.
            let width = try piece.littleEndian(UInt32.self, at: 8) & 0xFF_FFFF
            return .found(PixelDimensions(width + 1, (try piece.littleEndian(UInt32.self, at: 10) >> 8) + 1))
        default:
            return .unknown
        }
    }
}
