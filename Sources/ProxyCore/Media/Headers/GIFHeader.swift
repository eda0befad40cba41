/// The logical screen descriptor (GIF89a, 18): the canvas of all the frames.
struct GIFHeader: HeaderReader {
    let opening = 10

    func next(_ piece: RawSpan) throws(EndOfBytes) -> HeaderStep {
        .found(PixelDimensions(try piece.littleEndian(UInt16.self, at: 6), try piece.littleEndian(UInt16.self, at: 8)))
    }
}
