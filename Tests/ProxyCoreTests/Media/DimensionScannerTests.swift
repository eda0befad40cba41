import Testing

@testable import ProxyCore

@Suite struct DimensionScannerTests {
    @Test("dimensions are those that independent tools report", arguments: MediaFixture.all)
    func whole(_ fixture: MediaFixture) throws {
        var scanner = DimensionScanner(fixture.type)
        #expect(!scanner.isFinished)
        scanner.scan(try fixture.bytes)
        #expect(scanner.dimensions == fixture.dimensions)
        #expect(scanner.isFinished)
    }

    @Test("the pieces do not matter", arguments: MediaFixture.all)
    func pieces(_ fixture: MediaFixture) throws {
        let bytes = try fixture.bytes
        #expect(DimensionScanner.dimensions(of: bytes, as: fixture.type, cutAt: 0..<bytes.count) == fixture.dimensions)
        let misread = bytes.indices.filter {
            DimensionScanner.dimensions(of: bytes, as: fixture.type, cutAt: [$0]) != fixture.dimensions
        }
        #expect(misread == [])
    }

    @Test("another format's bytes say nothing", arguments: MediaType.allCases)
    func noise(_ type: MediaType) {
        var scanner = DimensionScanner(type)
        for _ in 0..<100 { scanner.scan([UInt8](repeating: 0, count: 4096)) }
        #expect(scanner.dimensions == nil)
        #expect(scanner.window.count <= DimensionScanner.longestRead)
    }

    @Test("JPEG: segments of any length are skipped, not kept")
    func longJPEGSegments() throws {
        let image = try #require(MediaFixture.all.first { $0.name == "progressive.jpg" })
        let jpeg = try image.bytes
        var scanner = DimensionScanner(.jpeg)
        scanner.scan(jpeg.prefix(2))
        for _ in 0..<80 {  // 5 MB
            scanner.scan([0xFF, 0xE2, 0xFF, 0xFF])
            scanner.scan([UInt8](repeating: 0xFF, count: 65_533))
            #expect(scanner.window.isEmpty)
        }
        #expect(scanner.dimensions == nil && !scanner.isFinished)
        scanner.scan([0xFF, 0xFF, 0xFF])  // fill bytes before a marker
        scanner.scan(jpeg.dropFirst(3))
        #expect(scanner.dimensions == image.dimensions)
    }

    @Test("JPEG: 200 KB of metadata in one piece")
    func metadataJPEG() throws {
        let jpeg = try #require(MediaFixture.all.first { $0.name == "baseline.jpg" }).bytes
        let segment: [UInt8] = [0xFF, 0xE1, 0xC8, 0x00] + [UInt8](repeating: 0xC0, count: 0xC800 - 2)
        let bytes = Array(jpeg[..<2]) + segment + segment + segment + segment + Array(jpeg[2...])
        #expect(DimensionScanner.dimensions(of: bytes, as: .jpeg) == PixelDimensions(width: 37, height: 23))
    }

    @Test(
        "JPEG: what cannot tell ends the scan",
        arguments: [
            [0xFF, 0xD8, 0xFF, 0xE0, 0, 1], [0xFF, 0xD8, 0xFF, 0xDA, 0, 8], [0xFF, 0xD8, 0xFF, 0xD9],
            [0xFF, 0xD8, 0xFF, 0xC0, 0, 11, 8, 0, 0, 0, 37],
        ] as [[UInt8]])
    func hopelessJPEG(_ bytes: [UInt8]) {
        var scanner = DimensionScanner(.jpeg)
        scanner.scan(bytes)
        #expect(scanner.isFinished)
        #expect(scanner.dimensions == nil)
    }

    @Test("JPEG: every frame header counts, tables do not", arguments: UInt8(0xC0)...0xCF)
    func frames(_ marker: UInt8) {
        let segment: [UInt8] = [0xFF, 0xD8, 0xFF, marker, 0, 8, 8, 0, 23, 0, 37, 0]
        let isTable = [0xC4, 0xC8, 0xCC].contains(marker)
        let expected = isTable ? nil : PixelDimensions(width: 37, height: 23)
        #expect(DimensionScanner.dimensions(of: segment, as: .jpeg) == expected)
    }

    @Test("endless tiny steps come to an end")
    func stepLimit() {
        var scanner = DimensionScanner(.jpeg)
        scanner.scan([0xFF, 0xD8])
        scanner.scan([UInt8](repeating: 0xFF, count: 200_000))
        #expect(scanner.isFinished)
        #expect(scanner.dimensions == nil)
    }

    @Test(
        "PNG: lengths beyond 2^31 - 1 and nought are no dimensions",
        arguments: [0, 0x8000_0000, 0xFFFF_FFFF] as [UInt32])
    func extremePNG(_ width: UInt32) throws {
        var png = try #require(MediaFixture.all.first { $0.type == .png }).bytes
        png.replaceSubrange(16..<20, with: (0..<4).map { UInt8(truncatingIfNeeded: width >> (24 - 8 * $0)) })
        #expect(DimensionScanner.dimensions(of: png, as: .png) == nil)
    }

    @Test("TIFF: a directory may lie gigabytes ahead, but not behind the reader")
    func distantTIFF() {
        var scanner = DimensionScanner(.tiff)
        scanner.scan([0x49, 0x49, 42, 0, 0xFF, 0xFF, 0xFF, 0xFF])
        #expect(!scanner.isFinished)
        #expect(DimensionScanner.isFinished(after: [0x49, 0x49, 42, 0, 7, 0, 0, 0], as: .tiff))
        #expect(
            DimensionScanner.isFinished(after: [0x4D, 0x4D, 0, 43, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 15], as: .tiff))
    }

    @Test(
        "TIFF: LONG lengths are read as SHORT ones are",
        arguments: [(3, [37, 0, 0xEE, 0xEE]), (4, [37, 0, 0, 0])] as [(UInt8, [UInt8])])
    func fieldTypes(_ type: UInt8, _ value: [UInt8]) {
        let entries: [UInt8] = [0, 1, type, 0, 1, 0, 0, 0] + value + [1, 1, 3, 0, 1, 0, 0, 0, 23, 0, 0, 0]
        let bytes: [UInt8] = [0x49, 0x49, 42, 0, 8, 0, 0, 0, 2, 0] + entries
        #expect(DimensionScanner.dimensions(of: bytes, as: .tiff) == PixelDimensions(width: 37, height: 23))
    }
}

extension DimensionScanner {
    fileprivate static func isFinished(after bytes: [UInt8], as type: MediaType) -> Bool {
        var scanner = DimensionScanner(type)
        scanner.scan(bytes)
        return scanner.isFinished
    }
}
