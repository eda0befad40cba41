/// The first image file directory (TIFF 6.0, section 2), which often lies behind the pixels, and BigTIFF's wider twin.
struct TIFFHeader: HeaderReader {
    private enum State {
        case header, wideOffset, entryCount, entry
    }

    let opening = 8
    private var state = State.header
    private var isLittleEndian = false
    private var isBig = false
    private var entriesLeft: UInt64 = 0
    private var width: UInt64?
    private var height: UInt64?

    mutating func next(_ piece: RawSpan) throws(EndOfBytes) -> HeaderStep {
        switch state {
        case .header:
            isLittleEndian = try piece.has("II")
            isBig = try field(UInt16.self, of: piece, at: 2) == 43
            if isBig {
                state = .wideOffset
                return .read(8)
            }
            return directory(at: UInt64(try field(UInt32.self, of: piece, at: 4)), position: 8)
        case .wideOffset:
            return directory(at: try field(UInt64.self, of: piece, at: 0), position: 16)
        case .entryCount:
            entriesLeft =
                isBig ? try field(UInt64.self, of: piece, at: 0) : UInt64(try field(UInt16.self, of: piece, at: 0))
            state = .entry
            return entriesLeft > 0 ? .read(entryLength) : .unknown
        case .entry:
            return try entry(piece)
        }
    }

    private var entryLength: Int { isBig ? 20 : 12 }

    private mutating func directory(at offset: UInt64, position: UInt64) -> HeaderStep {
        guard offset >= position else { return .unknown }
        state = .entryCount
        return .read(isBig ? 8 : 2, after: offset - position)
    }

    private mutating func entry(_ piece: RawSpan) throws(EndOfBytes) -> HeaderStep {
        switch try field(UInt16.self, of: piece, at: 0) {
        case 256: width = try value(of: piece)
        case 257: height = try value(of: piece)
        default: break
        }
        if let width, let height { return .found(PixelDimensions(width, height)) }
        entriesLeft -= 1
        return entriesLeft > 0 ? .read(entryLength) : .unknown
    }

    /// ImageWidth and ImageLength are SHORT or LONG, and in BigTIFF perhaps LONG8; they are stored in the entry itself.
    private func value(of piece: RawSpan) throws(EndOfBytes) -> UInt64? {
        let offset = isBig ? 12 : 8
        switch try field(UInt16.self, of: piece, at: 2) {
        case 3: return UInt64(try field(UInt16.self, of: piece, at: offset))
        case 4: return UInt64(try field(UInt32.self, of: piece, at: offset))
        case 16: return isBig ? try field(UInt64.self, of: piece, at: offset) : nil
        default: return nil
        }
    }

    private func field<Field: FixedWidthInteger>(_ type: Field.Type, of piece: RawSpan, at offset: Int)
        throws(EndOfBytes) -> Field
    {
        isLittleEndian ? try piece.littleEndian(type, at: offset) : try piece.bigEndian(type, at: offset)
    }
}
