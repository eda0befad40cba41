import ProxyCore
import Testing

/// HEIF and JPEG XL containers put together by hand, where encoders never vary.
@Suite struct BoxDimensionTests {
    private let expected = PixelDimensions(width: 1000, height: 700)

    @Test("the primary item's dimensions are found", arguments: [false, true])
    func primaryItem(isPrimaryItemLast: Bool) {
        let properties = box(
            "iprp", box("ipco", extents(64, 64) + box("hvcC", [1, 2, 3]) + extents(1000, 700)) + associations)
        let meta = isPrimaryItemLast ? properties + primaryItem : primaryItem + properties
        #expect(scan(box("ftyp", Array("heic".utf8)) + box("meta", [0, 0, 0, 0] + meta)) == expected)
    }

    @Test("wide box sizes and boxes to the end of the file are followed")
    func boxSizes() {
        let properties = box("iprp", box("ipco", extents(64, 64) + box("hvcC", []) + extents(1000, 700)) + associations)
        let wide = [0, 0, 0, 1] + Array("free".utf8) + [0, 0, 0, 0, 0, 0, 0, 20] + [9, 9, 9, 9]
        let meta = [0, 0, 0, 0] + Array("meta".utf8) + [0, 0, 0, 0] + primaryItem + wide + properties
        #expect(scan(box("ftyp", []) + wide + meta) == expected)
    }

    @Test("items and properties of four and two bytes")
    func wideAssociations() {
        let primary = box("pitm", [1, 0, 0, 0, 0, 1, 0, 2])
        let associations = box("ipma", [1, 0, 0, 1, 0, 0, 0, 1, 0, 1, 0, 2, 2, 0x80, 2, 0, 1])
        let properties = box("iprp", box("ipco", extents(1000, 700) + box("av1C", [])) + associations)
        #expect(scan(box("meta", [0, 0, 0, 0] + primary + properties)) == expected)
    }

    @Test("a sequence without items has its track's dimensions; a track of sound has none")
    func sequence() {
        let sound = track([0, 0, 0, 60] + Array("mp4a".utf8) + [UInt8](repeating: 1, count: 52))
        let entry = [0, 0, 0, 36] + Array("av01".utf8) + [UInt8](repeating: 0, count: 24) + [0x03, 0xE8, 0x02, 0xBC]
        #expect(scan(box("moov", sound + track(entry))) == expected)
    }

    @Test("a primary item without extents, or with another's, is unknown")
    func unknown() {
        #expect(
            scan(box("meta", [0, 0, 0, 0] + primaryItem + box("iprp", box("ipco", extents(64, 64)) + associations)))
                == nil)
        let properties = box("iprp", box("ipco", extents(1, 1) + extents(2, 2) + extents(3, 3)) + associations)
        #expect(scan(box("meta", [0, 0, 0, 0] + box("pitm", [0, 0, 0, 0, 0, 9]) + properties)) == nil)
    }

    @Test("a box smaller than its own header ends the scan", arguments: [2, 7] as [UInt8])
    func damaged(_ size: UInt8) {
        var scanner = DimensionScanner(.avif)
        scanner.scan([0, 0, 0, size] + Array("free".utf8))
        #expect(scanner.isFinished)
        scanner = DimensionScanner(.avif)
        scanner.scan([0, 0, 0, 1] + Array("free".utf8) + [0, 0, 0, 0, 0, 0, 0, size])
        #expect(scanner.isFinished)
    }

    @Test("JPEG XL: a size header that is split over boxes, of which one is wide")
    func splitCodestream() throws {
        let codestream = try #require(MediaFixture.all.first { $0.name == "wide.jxl" }).bytes
        let signature: [UInt8] = [0, 0, 0, 12, 0x4A, 0x58, 0x4C, 0x20, 0x0D, 0x0A, 0x87, 0x0A]
        var bytes = signature + box("ftyp", Array("jxl \0\0\0\0jxl ".utf8))
        bytes += box("jxlp", [0, 0, 0, 0] + codestream[0..<1]) + box("jxlp", [0, 0, 0, 1]) + box("Exif", [1, 2, 3])
        bytes += [0, 0, 0, 1] + Array("jxlp".utf8) + [0, 0, 0, 0, 0, 0, 0, 22, 0, 0, 0, 2] + codestream[1..<3]
        bytes += [0, 0, 0, 0] + Array("jxlp".utf8) + [0x80, 0, 0, 3] + codestream[3...]
        #expect(DimensionScanner.dimensions(of: bytes, as: .jxl) == PixelDimensions(width: 600, height: 17))
        #expect(DimensionScanner.dimensions(of: bytes, as: .jxl, cutAt: 0..<bytes.count)?.width == 600)
    }

    private func scan(_ bytes: [UInt8]) -> PixelDimensions? { DimensionScanner.dimensions(of: bytes, as: .heic) }

    private func box(_ type: String, _ payload: [UInt8]) -> [UInt8] {
        [0, 0, UInt8((payload.count + 8) >> 8), UInt8((payload.count + 8) & 0xFF)] + Array(type.utf8) + payload
    }

    private func extents(_ width: Int, _ height: Int) -> [UInt8] {
        box("ispe", [0, 0, 0, 0] + [width, height].flatMap { [0, 0, UInt8($0 >> 8), UInt8($0 & 0xFF)] })
    }

    private func track(_ entry: [UInt8]) -> [UInt8] {
        let samples = box("stbl", box("stsd", [0, 0, 0, 0, 0, 0, 0, 1] + entry) + box("stts", []))
        return box("trak", box("tkhd", [UInt8](repeating: 0, count: 84)) + box("mdia", box("minf", samples)))
    }

    private var primaryItem: [UInt8] { box("pitm", [0, 0, 0, 0, 0, 2]) }

    /// Item 1 has properties 1 and 2, item 2 has 2 (essential) and 3.
    private var associations: [UInt8] { box("ipma", [0, 0, 0, 0, 0, 0, 0, 2, 0, 1, 2, 1, 0x82, 0, 2, 2, 0x82, 3]) }
}
