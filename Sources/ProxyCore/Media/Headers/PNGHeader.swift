/// The IHDR chunk, which comes first (PNG specification, 5.6 and 11.2.1).
struct PNGHeader: HeaderReader {
    let opening = 24

    func next(_ piece: RawSpan) throws(EndOfBytes) -> HeaderStep {
        guard try piece.has("IHDR", at: 12) else { return .unknown }
        // A length above 2^31 - 1 is invalid, and negative here.
        return .found(PixelDimensions(try piece.bigEndian(Int32.self, at: 16), try piece.bigEndian(Int32.self, at: 20)))
    }
}
