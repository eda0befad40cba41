/// A set of ASCII characters: asked of every byte of a URL, so a bit for each.
struct ASCIISet: Sendable {
    private var low: UInt64 = 0
    private var high: UInt64 = 0

    /// The letters and digits, and what stands in `punctuation`.
    init(lettersDigitsAnd punctuation: String) {
        for byte in UInt8.min..<0x80 where URIText.isLetterOrDigit(byte) { insert(byte) }
        for character in punctuation.utf8 { insert(character) }
    }

    func contains(_ byte: UInt8) -> Bool {
        byte < 0x80 && (byte < 0x40 ? low : high) >> UInt64(byte & 0x3f) & 1 == 1
    }

    private mutating func insert(_ byte: UInt8) {
        if byte < 0x40 { low |= 1 << UInt64(byte & 0x3f) } else { high |= 1 << UInt64(byte & 0x3f) }
    }
}
