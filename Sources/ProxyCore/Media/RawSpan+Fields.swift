/// Thrown by a read that goes past the end of the bytes at hand.
struct EndOfBytes: Error {}

/// Reading the fields of a file format. No offset that a file can name makes any of these trap.
extension RawSpan {
    func byte(at offset: Int) throws(EndOfBytes) -> UInt8 {
        guard offset >= 0, offset < byteCount else { throw EndOfBytes() }
        // The offset was checked, and every bit pattern is a UInt8.
        return unsafe unsafeLoad(fromByteOffset: offset, as: UInt8.self)
    }

    func bigEndian<Field: FixedWidthInteger>(_: Field.Type, at offset: Int) throws(EndOfBytes) -> Field {
        var field: Field = 0
        for index in 0..<(Field.bitWidth / 8) {
            field = field << 8 | Field(truncatingIfNeeded: try byte(at: offset &+ index))
        }
        return field
    }

    func littleEndian<Field: FixedWidthInteger>(_: Field.Type, at offset: Int) throws(EndOfBytes) -> Field {
        try bigEndian(Field.self, at: offset).byteSwapped
    }

    /// Whether `pattern` stands at `offset`: false from the first byte that differs, `EndOfBytes` when the bytes end before
    /// that can be told.
    func has(_ pattern: some Sequence<UInt8>, at offset: Int = 0) throws(EndOfBytes) -> Bool {
        var position = offset
        for expected in pattern {
            guard try byte(at: position) == expected else { return false }
            position &+= 1
        }
        return true
    }

    func has(_ text: String, at offset: Int = 0) throws(EndOfBytes) -> Bool {
        try has(text.utf8, at: offset)
    }
}

extension UInt8 {
    var asciiLowercased: UInt8 { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(self) ? self | 0x20 : self }

    /// White space of XML 1.0, production 3.
    var isXMLSpace: Bool { self == 0x20 || self == 0x09 || self == 0x0A || self == 0x0D }

    var isDigit: Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self) }
}
