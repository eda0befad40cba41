import Foundation
import ProxyCore
import Testing

/// An image of `Tests/Fixtures/images`, with what independent tools say of it (see the README there).
struct MediaFixture: Sendable, CustomTestStringConvertible {
    let name: String
    let type: MediaType
    let width: Int
    let height: Int

    init(_ name: String, _ type: MediaType, _ width: Int, _ height: Int) {
        (self.name, self.type, self.width, self.height) = (name, type, width, height)
    }

    var dimensions: PixelDimensions { PixelDimensions(width: width, height: height) }
    var testDescription: String { name }

    var bytes: [UInt8] {
        get throws { try [UInt8](Data(contentsOf: Self.folder.appending(path: name))) }
    }

    static let folder = URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "../../Fixtures/images").standardized

    static let all = [
        MediaFixture("truecolor.png", .png, 37, 23), MediaFixture("interlaced-palette.png", .png, 41, 29),
        MediaFixture("baseline.jpg", .jpeg, 37, 23), MediaFixture("progressive.jpg", .jpeg, 41, 29),
        MediaFixture("exif-rotated.jpg", .jpeg, 53, 31), MediaFixture("gray.jpg", .jpeg, 37, 23),
        MediaFixture("still.gif", .gif, 37, 23), MediaFixture("animated.gif", .gif, 41, 29),
        MediaFixture("lossy.webp", .webp, 37, 23), MediaFixture("lossless.webp", .webp, 41, 29),
        MediaFixture("animated.webp", .webp, 41, 29),
        MediaFixture("still.avif", .avif, 37, 23), MediaFixture("grid.avif", .avif, 256, 96),
        MediaFixture("sequence.avif", .avif, 41, 29),
        MediaFixture("odd.heic", .heic, 37, 23), MediaFixture("even.heic", .heic, 130, 70),
        MediaFixture("info.bmp", .bmp, 37, 23), MediaFixture("top-down.bmp", .bmp, 37, 23),
        MediaFixture("core.bmp", .bmp, 41, 29),
        MediaFixture("one.ico", .ico, 37, 23), MediaFixture("several.ico", .ico, 256, 256),
        MediaFixture("little-endian.tiff", .tiff, 37, 23), MediaFixture("big-endian.tiff", .tiff, 41, 29),
        MediaFixture("two-pages.tiff", .tiff, 53, 31), MediaFixture("big.tiff", .tiff, 37, 23),
        MediaFixture("big-msb.tiff", .tiff, 41, 29),
        MediaFixture("millimetres.svg", .svg, 96, 48), MediaFixture("view-box.svg", .svg, 37, 23),
        MediaFixture("bare.jxl", .jxl, 37, 23), MediaFixture("container.jxl", .jxl, 41, 29),
        MediaFixture("from-jpeg.jxl", .jxl, 37, 23), MediaFixture("square.jxl", .jxl, 64, 64),
        MediaFixture("ratio.jxl", .jxl, 600, 300), MediaFixture("wide.jxl", .jxl, 600, 17),
    ]
}

extension MediaTypeSniffer {
    static func sniff(_ bytes: some Sequence<UInt8>, isComplete: Bool) -> SniffResult {
        let bytes = Array(bytes)
        return sniff(RawSpan(_elements: bytes.span), isComplete: isComplete)
    }
}

extension DimensionScanner {
    mutating func scan(_ bytes: some Sequence<UInt8>) {
        let bytes = Array(bytes)
        scan(RawSpan(_elements: bytes.span))
    }

    /// What a scanner says of `bytes`, handed over in pieces that end at `cuts` and at the end.
    static func dimensions(of bytes: [UInt8], as type: MediaType, cutAt cuts: some Sequence<Int> = [])
        -> PixelDimensions?
    {
        var scanner = DimensionScanner(type)
        var start = 0
        for cut in Array(cuts) + [bytes.count] {
            scanner.scan(RawSpan(_elements: bytes.span).extracting(start..<cut))
            start = cut
        }
        return scanner.dimensions
    }
}
