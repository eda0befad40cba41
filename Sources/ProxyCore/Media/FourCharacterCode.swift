/// The four bytes that name a box, a brand or a chunk.
struct FourCharacterCode: Hashable, Sendable, ExpressibleByStringLiteral {
    let rawValue: UInt32

    init(_ rawValue: UInt32) { self.rawValue = rawValue }

    init(stringLiteral value: String) {
        precondition(value.utf8.count == 4, "a code has four characters")
        rawValue = value.utf8.reduce(0) { $0 << 8 | UInt32($1) }
    }
}

extension RawSpan {
    func code(at offset: Int) throws(EndOfBytes) -> FourCharacterCode {
        FourCharacterCode(try bigEndian(UInt32.self, at: offset))
    }
}
