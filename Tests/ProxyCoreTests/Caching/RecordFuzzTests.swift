import ProxyCore
import Testing

@Suite struct RecordFuzzTests {
    @Test("mutated values are read alike both ways, or not at all", arguments: UInt64(1)...8)
    func mutation(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var record = ImageRecord(
            contentType: "image/png", size: 7, cachedAt: 1_700_000_000_000, expiresAt: 1_700_086_400_000)
        let plain = ImageRecord.opening + Array("Zm9vYmFyIQ==".utf8) + record.closing()
        record.extra = [JSONField("etag", .string("\"x\"")), JSONField("maxAge", .integer(60))]
        let extended = ImageRecord.opening + Array("Zm9vYmFyIQ==".utf8) + record.closing()
        let escaped = Array(String(decoding: plain, as: UTF8.self).replacing("/png", with: #"\/png"#).utf8)
        let originals = [plain, extended, escaped]
        var accepted = 0
        for _ in 0..<2_000 {
            let value = mutated(originals.randomElement(using: &generator) ?? [], by: &generator)
            let general = try? ImageRecord.parse(value.span)
            let fast = ImageRecord.parse(tail: value.span, length: value.count)
            if let fast {
                accepted += 1
                #expect(fast == general, "\(String(decoding: value, as: UTF8.self))")
            }
            #expect((try? ImageRecord.locate(in: value.span)) == general)
            _ = try? ImageMetadata.parse(value.span)
        }
        #expect((1..<2_000).contains(accepted))
    }

    @Test("mutated raw values are read alike both ways, or not at all", arguments: UInt64(1)...8)
    func rawMutation(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var record = ImageRecord(
            contentType: "image/png", size: 7, cachedAt: 1_700_000_000_000, expiresAt: 1_700_086_400_000)
        record.extra = [JSONField("etag", .string("\"x\""))]
        let original = Array("foobar!".utf8) + record.closing(.raw)
        var accepted = 0
        for _ in 0..<2_000 {
            let value = mutated(original, by: &generator)
            let located = try? ImageRecord.locate(in: value.span)
            #expect(ImageRecord.parse(tail: value.span, length: value.count) == located)
            guard let located else { continue }
            accepted += 1
            #expect(located.content == .bytes(0..<located.record.size))
            #expect(located.record.size < value.count)
        }
        #expect((1..<2_000).contains(accepted))
    }
}

/// A small generator with a seed, so that a failure can be repeated (Steele, Lea, Flood: SplitMix64).
private struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}

/// What fuzzing puts where it does harm.
private let hostileBytes = Array("\"\\{}[]:,0123456789.eE+-truefalsn \n\u{0}\u{7f}u/=".utf8) + [0x80, 0xc0, 0xed, 0xff]

/// `value` with a few bytes changed, put in, taken out, doubled, or its end cut off.
private func mutated(_ value: [UInt8], by generator: inout SeededGenerator) -> [UInt8] {
    var value = value
    for _ in 0..<Int.random(in: 1...4, using: &generator) where !value.isEmpty {
        let place = Int.random(in: value.indices, using: &generator)
        let hostile = hostileBytes.randomElement(using: &generator) ?? 0
        switch Int.random(in: 0...4, using: &generator) {
        case 0: value.remove(at: place)
        case 1: value.insert(hostile, at: place)
        case 2: value[place] = hostile
        case 3: value.insert(contentsOf: value[place..<min(place + 12, value.count)], at: place)
        default: value.removeSubrange(place..<min(place + Int.random(in: 0...9, using: &generator), value.count))
        }
    }
    return value
}
