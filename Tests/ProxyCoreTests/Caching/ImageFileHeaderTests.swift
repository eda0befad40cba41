import Crypto
import Testing

@testable import ProxyCore

@Suite struct ImageFileHeaderTests {
    private static let key = Array("image-proxy:https://a.example/b.png?c=\"d\"\\é".utf8)
    private static let record = ImageRecord(
        contentType: "image/png", size: 12_345, cachedAt: 1_700_000_000_000, expiresAt: 1_700_086_400_000,
        extra: [JSONField("etag", .string("v1")), JSONField("swr", .integer(60))])
    private static let metadata = ImageMetadata(
        width: 37, height: 23, contentType: "image/png", size: 12_345, cachedAt: 1_700_000_000_000)

    private static let headers = [
        ImageFileHeader(
            key: key, generation: .max, expiresAt: 1_700_086_400_000, record: record, sum: 1,
            metadataText: metadata.encoded()),
        ImageFileHeader(key: key, generation: 0, expiresAt: 0),
        ImageFileHeader(key: key, generation: 7, expiresAt: 1, record: record, sum: .max, body: 0xfedc_ba98_7654_3210),
        ImageFileHeader(key: key, generation: 7, expiresAt: 1, metadataText: metadata.encoded()),
        ImageFileHeader(key: [], generation: 1, expiresAt: 1, record: record),
    ]

    private func parse(_ bytes: [UInt8]) -> ImageFileHeader.Located? { ImageFileHeader.parse(bytes.span) }

    @Test("what is written is read, and what follows is none of it", arguments: headers)
    func roundTrip(_ header: ImageFileHeader) throws {
        let bytes = try #require(header.encoded())
        #expect(bytes.count == ImageFileHeader.length(forKey: header.key))
        #expect(bytes.count % 1024 == 0 && bytes.count <= 4096)
        for rest in [[], [UInt8](repeating: 0x0A, count: 9000)] {
            #expect(parse(bytes + rest) == ImageFileHeader.Located(header: header, length: bytes.count))
        }
    }

    @Test func theTextsAreThoseOfRedis() throws {
        let header = Self.headers[0]
        #expect(header.metadata == Self.metadata)
        let lines = try #require(header.encoded()).split(
            separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        #expect(lines[2].elementsEqual(Self.record.closing(.raw).dropLast()))
        #expect(lines[3].elementsEqual(Self.metadata.encoded()))
    }

    @Test("the length does not depend on what is written later") func length() {
        let lengths = Set(Self.headers.filter { !$0.key.isEmpty }.map { $0.encoded()?.count })
        #expect(lengths.count == 1)
    }

    @Test("a bit that changes anywhere in what is in use makes it none", arguments: [0, 2])
    func everyBit(_ number: Int) throws {
        let bytes = try #require(Self.headers[number].encoded())
        let used = try #require(bytes.lastIndex { $0 != UInt8(ascii: " ") })
        for index in 0...used {
            var changed = bytes
            changed[index] ^= 1 << UInt8(index % 8)
            let located = parse(changed)
            // Its length may be that of another file: who reads compares it with the one that it has.
            #expect(located == nil || located?.header == Self.headers[number] && located?.length != bytes.count)
        }
    }

    @Test("a header that is cut is none") func cut() throws {
        let bytes = try #require(Self.headers[0].encoded())
        for count in 0..<bytes.count { #expect(parse(Array(bytes[..<count])) == nil) }
    }

    @Test func theLongestKeyHasRoomAndALongerOneHasNone() throws {
        let long = ImageFileHeader(
            key: [UInt8](repeating: 0x61, count: 8192), generation: 1, expiresAt: 1, record: Self.record)
        let bytes = try #require(long.encoded())
        #expect(parse(bytes)?.header == long)
        let tooLong = ImageFileHeader(key: [UInt8](repeating: 0x61, count: 70_000), generation: 1, expiresAt: 1)
        #expect(tooLong.encoded() == nil)
    }

    @Test("what is none", arguments: ["", "imgfile1 ", String(repeating: "x", count: 5000)]) func foreign(
        _ text: String
    ) {
        #expect(parse(Array(text.utf8)) == nil)
    }
}

@Suite struct KeyDigestTests {
    @Test(
        "it is the first half of SHA-256", arguments: [0, 1, 3, 54, 55, 56, 57, 63, 64, 65, 119, 120, 128, 1000, 8192])
    func standard(_ count: Int) throws {
        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        let expected = try SHA256Digest.of(RawSpan(_elements: bytes.span)).prefix(16)
        let digits = expected.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        #expect(KeyDigest(of: bytes).text == digits)
        #expect(KeyDigest(digits) == KeyDigest(of: bytes))
    }

    @Test(
        "a name that is none",
        arguments: ["", "index", "0", String(repeating: "A", count: 32), String(repeating: "0", count: 33)])
    func names(_ name: String) { #expect(KeyDigest(name) == nil) }
}

@Suite struct ByteSumTests {
    private static let bytes = (0..<1000).map { UInt8(truncatingIfNeeded: $0 &* 31) }

    @Test("it does not depend on how the bytes were cut", arguments: [1, 2, 3, 7, 8, 9, 64, 333])
    func pieces(_ size: Int) {
        var sum = ByteSum()
        for start in stride(from: 0, to: Self.bytes.count, by: size) {
            sum.add(RawSpan(_elements: Self.bytes.span).extracting(start..<min(start + size, Self.bytes.count)))
        }
        #expect(sum.value == ByteSum(of: RawSpan(_elements: Self.bytes.span)).value)
    }

    @Test func everyBitAndTheLengthShow() {
        var sums: Set<UInt64> = []
        for count in 0..<40 {
            sums.insert(ByteSum(of: RawSpan(_elements: [UInt8](repeating: 0, count: count).span)).value)
        }
        #expect(sums.count == 40)
        let original = ByteSum(of: RawSpan(_elements: Self.bytes.span)).value
        for index in Self.bytes.indices {
            for bit in 0..<8 {
                var changed = Self.bytes
                changed[index] ^= 1 << UInt8(bit)
                #expect(ByteSum(of: RawSpan(_elements: changed.span)).value != original)
            }
        }
    }
}
