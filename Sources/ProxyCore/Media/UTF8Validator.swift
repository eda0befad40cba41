/// Judges UTF-8 a byte at a time (RFC 3629, 4): no overlong form, no surrogate, nothing above U+10FFFF.
struct UTF8Validator: Sendable {
    private var continuations = 0
    private var nextRange: ClosedRange<UInt8> = 0x80...0xBF

    /// Whether `byte` may follow the bytes accepted so far.
    mutating func accepts(_ byte: UInt8) -> Bool {
        if continuations > 0 {
            guard nextRange.contains(byte) else { return false }
            continuations -= 1
            nextRange = 0x80...0xBF
            return true
        }
        switch byte {
        case 0x00...0x7F: return true
        case 0xC2...0xDF: return lead(1)
        case 0xE0: return lead(2, 0xA0...0xBF)
        case 0xED: return lead(2, 0x80...0x9F)
        case 0xE1...0xEF: return lead(2)
        case 0xF0: return lead(3, 0x90...0xBF)
        case 0xF1...0xF3: return lead(3)
        case 0xF4: return lead(3, 0x80...0x8F)
        default: return false
        }
    }

    private mutating func lead(_ count: Int, _ second: ClosedRange<UInt8> = 0x80...0xBF) -> Bool {
        continuations = count
        nextRange = second
        return true
    }
}
