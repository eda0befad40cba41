@testable import Base64

/// The kernels that this processor can run, the scalar twin among them.
let kernels = Base64Kernel.allCases.filter(\.isSupported)

/// A small generator with a seed, so that a failure can be repeated (Steele, Lea, Flood: SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }

    mutating func bytes(_ count: Int) -> [UInt8] {
        (0..<count).map { _ in UInt8(truncatingIfNeeded: next()) }
    }
}

/// The twin's text for `bytes`.
func encoding(_ bytes: [UInt8]) -> [UInt8] {
    var text = [UInt8](repeating: 0, count: Base64.encodedLength(bytes.count))
    var output = text.mutableSpan
    Base64Scalar.encode(bytes.span, into: &output)
    return text
}

/// What `text` means, by definition: the bytes whose text it is.
func bytes(of text: [UInt8]) -> [UInt8]? {
    let padding = text.reversed().prefix { $0 == UInt8(ascii: "=") }.count
    var bytes: [UInt8] = []
    var bits: UInt32 = 0
    var bitCount: UInt32 = 0
    for character in text.dropLast(padding) {
        bits = bits << 6 | UInt32(Base64Scalar.fields[Int(character)] & 63)
        bitCount += 6
        guard bitCount >= 8 else { continue }
        bitCount -= 8
        bytes.append(UInt8(truncatingIfNeeded: bits >> bitCount))
    }
    return encoding(bytes) == text ? bytes : nil
}

func encode(_ bytes: [UInt8], with kernel: Base64Kernel) -> [UInt8] {
    var text = [UInt8](repeating: 0, count: Base64.encodedLength(bytes.count))
    var output = text.mutableSpan
    _ = Base64.encode(bytes.span, into: &output, at: 0, with: kernel)
    return text
}

func decodeInPlace(_ text: [UInt8], with kernel: Base64Kernel = .best) -> Result<[UInt8], Base64Error> {
    Result { () throws(Base64Error) in
        var buffer = text
        var span = buffer.mutableSpan
        let count = try Base64.decode(inPlace: &span, 0..<text.count, with: kernel)
        return Array(buffer.prefix(count))
    }
}

/// Decodes `text` cut into the pieces that `cuts`, in ascending order, make of it.
func decode(
    _ text: [UInt8], cutAt cuts: [Int] = [], with kernel: Base64Kernel = .best
) -> Result<[UInt8], Base64Error> {
    Result { () throws(Base64Error) in
        var decoder = Base64Decoder(kernel: kernel)
        var bytes: [UInt8] = []
        for (start, end) in zip([0] + cuts, cuts + [text.count]) {
            var piece = [UInt8](repeating: 0, count: Base64.decodedCapacity(end - start))
            var output = piece.mutableSpan
            let count = try decoder.decode(text.span.extracting(start..<end), into: &output)
            bytes += piece.prefix(count)
        }
        try decoder.finish()
        return bytes
    }
}
