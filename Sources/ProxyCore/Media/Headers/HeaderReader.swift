/// What a reader wants of the stream next.
enum HeaderStep: Sendable {
    /// Skip some bytes, then hand over the `count` that follow, all at once.
    case read(_ count: Int, after: UInt64 = 0)
    case found(PixelDimensions)
    /// The header is damaged, or does not say.
    case unknown
}

/// Finds the dimensions in one format's header, piece by piece.
///
/// A reader always sees exactly the bytes it asked for, whatever pieces they arrived in. Its reads may throw: a field that is
/// not in the piece makes the dimensions unknown.
protocol HeaderReader: Sendable {
    /// How many bytes to hand over first.
    var opening: Int { get }

    mutating func next(_ piece: RawSpan) throws(EndOfBytes) -> HeaderStep
}

extension MediaType {
    var headerReader: any HeaderReader {
        switch self {
        case .png: PNGHeader()
        case .jpeg: JPEGHeader()
        case .gif: GIFHeader()
        case .webp: WebPHeader()
        case .avif, .heic: HEIFHeader()
        case .bmp: BitmapHeader()
        case .ico: IconHeader()
        case .tiff: TIFFHeader()
        case .svg: SVGHeader()
        case .jxl: JXLHeader()
        }
    }
}

extension PixelDimensions {
    /// Fields of any width, clamped to what an `Int` can hold.
    init(_ width: some FixedWidthInteger, _ height: some FixedWidthInteger) {
        self.init(width: Int(clamping: width), height: Int(clamping: height))
    }
}
