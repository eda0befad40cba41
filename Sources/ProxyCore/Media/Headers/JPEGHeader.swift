/// Walks the marker segments up to the frame header (ITU-T T.81, annex B). Segments are skipped, not stored.
struct JPEGHeader: HeaderReader {
    private enum State {
        case startOfImage, betweenSegments, marker, length(marker: UInt8), frame
    }

    let opening = 2
    private var state = State.startOfImage

    mutating func next(_ piece: RawSpan) throws(EndOfBytes) -> HeaderStep {
        switch state {
        case .startOfImage:
            state = .betweenSegments
            return .read(1)
        case .betweenSegments:
            // Decoders pass over stray bytes on their way to the next marker.
            if try piece.byte(at: 0) == 0xFF { state = .marker }
            return .read(1)
        case .marker:
            return follow(marker: try piece.byte(at: 0))
        case .length(let marker):
            let length = try piece.bigEndian(UInt16.self, at: 0)
            guard length >= 2 else { return .unknown }
            if Self.isFrame(marker) {
                state = .frame
                return .read(5)
            }
            state = .betweenSegments
            return .read(1, after: UInt64(length) - 2)
        case .frame:
            return .found(
                PixelDimensions(try piece.bigEndian(UInt16.self, at: 3), try piece.bigEndian(UInt16.self, at: 1)))
        }
    }

    private mutating func follow(marker: UInt8) -> HeaderStep {
        switch marker {
        case 0xFF:  // fill: any number of them may precede the marker's code (B.1.1.2)
            return .read(1)
        case 0xD9, 0xDA:  // end of image, start of scan: the frame header comes before either
            return .unknown
        case 0x00, 0x01, 0xD0...0xD8:  // stuffing, and markers that stand alone
            state = .betweenSegments
            return .read(1)
        default:
            state = .length(marker: marker)
            return .read(2)
        }
    }

    /// SOF0 to SOF15. Among their codes are DHT, JPG and DAC, which are no frames.
    private static func isFrame(_ marker: UInt8) -> Bool {
        (0xC0...0xCF).contains(marker) && marker != 0xC4 && marker != 0xC8 && marker != 0xCC
    }
}
