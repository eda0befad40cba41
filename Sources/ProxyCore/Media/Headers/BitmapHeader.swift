/// The file header and the core or info header of a Windows or OS/2 bitmap.
struct BitmapHeader: HeaderReader {
    let opening = 18
    private var headerSize: UInt32?

    mutating func next(_ piece: RawSpan) throws(EndOfBytes) -> HeaderStep {
        switch headerSize {
        case nil:
            headerSize = try piece.littleEndian(UInt32.self, at: 14)
            return .read(headerSize == 12 ? 4 : 8)
        case 12:
            return .found(
                PixelDimensions(try piece.littleEndian(UInt16.self, at: 0), try piece.littleEndian(UInt16.self, at: 2)))
        default:
            // A negative height is that of an image stored from the top down.
            let height = try piece.littleEndian(Int32.self, at: 4).magnitude
            return .found(PixelDimensions(try piece.littleEndian(Int32.self, at: 0), height))
        }
    }
}
