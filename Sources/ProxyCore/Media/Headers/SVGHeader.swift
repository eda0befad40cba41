/// The size that an SVG document asks for: its root element's `width` and `height`, else its `viewBox`.
struct SVGHeader: HeaderReader {
    let opening = 1
    private var scanner = SVGRootScanner()

    mutating func next(_ piece: RawSpan) throws(EndOfBytes) -> HeaderStep {
        switch scanner.consume(try piece.byte(at: 0)) {
        case .prologue, .rootElement: return .read(1)
        case .failed: return .unknown
        case .finished: return dimensions.map { .found($0) } ?? .unknown
        }
    }

    /// SVG 2, 8.2 and 8.9: a length that is missing or relative takes the other's, in the `viewBox`'s ratio.
    private var dimensions: PixelDimensions? {
        let width = scanner.attributes["width"].flatMap(SVGLength.pixels)
        let height = scanner.attributes["height"].flatMap(SVGLength.pixels)
        let box = scanner.attributes["viewBox"].flatMap(SVGLength.viewBoxSize)
        return switch (width, height, box) {
        case (let width?, let height?, _): Self.rounded(width, height)
        case (let width?, nil, let box?): Self.rounded(width, width * box.height / box.width)
        case (nil, let height?, let box?): Self.rounded(height * box.width / box.height, height)
        case (nil, nil, let box?): Self.rounded(box.width, box.height)
        default: nil
        }
    }

    /// To whole pixels, at least one, and to nothing beyond what a canvas can be.
    private static func rounded(_ width: Double, _ height: Double) -> PixelDimensions? {
        guard width > 0, height > 0, width <= Double(Int32.max), height <= Double(Int32.max) else { return nil }
        return PixelDimensions(width: max(1, Int(width.rounded())), height: max(1, Int(height.rounded())))
    }
}
