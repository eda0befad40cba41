import Testing

@testable import ProxyCore

/// Every fixture, damaged in every way a seeded generator comes up with. A failure names the seed that repeats it.
@Suite struct MediaFuzzTests {
    @Test("damaged images neither trap nor depend on how they are split", arguments: MediaFixture.all)
    func mutations(_ fixture: MediaFixture) throws {
        let original = try fixture.bytes
        for seed in 1...300 as ClosedRange<UInt64> {
            var random = SplitMix(state: seed)
            let bytes = original.mutated(by: &random)
            let sniffed = MediaTypeSniffer.sniff(bytes, isComplete: true)
            #expect(sniffed != .undecided, "seed \(seed)")
            let early = MediaTypeSniffer.sniff(
                bytes.prefix(Int.random(in: 0...bytes.count, using: &random)), isComplete: false)
            #expect(early == .undecided || early == sniffed, "seed \(seed)")

            let whole = DimensionScanner.dimensions(of: bytes, as: fixture.type)
            let cuts = (0..<4).map { _ in Int.random(in: 0...bytes.count, using: &random) }.sorted()
            #expect(DimensionScanner.dimensions(of: bytes, as: fixture.type, cutAt: cuts) == whole, "seed \(seed)")
            #expect(whole.map { $0.width > 0 && $0.height > 0 } ?? true, "seed \(seed)")
        }
    }

    @Test("any bytes may follow a truncation", arguments: MediaFixture.all)
    func noise(_ fixture: MediaFixture) throws {
        let original = try fixture.bytes
        for seed in 1...20 as ClosedRange<UInt64> {
            var random = SplitMix(state: seed)
            var scanner = DimensionScanner(fixture.type)
            scanner.scan(original.prefix(Int.random(in: 0...64, using: &random)))
            scanner.scan((0..<4096).map { _ in UInt8.random(in: 0...255, using: &random) })
            #expect(scanner.window.count <= DimensionScanner.longestRead, "seed \(seed)")
        }
    }
}

private struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }
}

extension [UInt8] {
    /// One to eight flips, extremes, insertions, removals and truncations, most of them in the header.
    fileprivate func mutated(by random: inout SplitMix) -> [UInt8] {
        var bytes = self
        for _ in 0..<Int.random(in: 1...8, using: &random) where !bytes.isEmpty {
            let reach = Bool.random(using: &random) ? Swift.min(bytes.count, 128) : bytes.count
            let index = Int.random(in: 0..<reach, using: &random)
            switch Int.random(in: 0..<6, using: &random) {
            case 0: bytes[index] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            case 1: bytes[index] = UInt8.random(in: 0...255, using: &random)
            case 2: bytes[index] = [0, 1, 0x7F, 0x80, 0xFF].randomElement(using: &random) ?? 0
            case 3: bytes.insert(UInt8.random(in: 0...255, using: &random), at: index)
            case 4: bytes.remove(at: index)
            default: if Int.random(in: 0..<4, using: &random) == 0 { bytes.removeSubrange(index...) }
            }
        }
        return bytes
    }
}
