/// The header of a box (ISO/IEC 14496-12, 4.2): a size of 32 bits, or of 64 in eight bytes more, or 0 for "to the end".
struct BoxHeader: Sendable {
    let type: FourCharacterCode
    /// The bytes that follow the header.
    let payload: UInt64

    enum Parsed { case header(BoxHeader), needsWideSize(of: FourCharacterCode), damaged }

    /// Reads the eight bytes that every box begins with.
    static func parse(_ piece: RawSpan) throws(EndOfBytes) -> Parsed {
        let type = try piece.code(at: 4)
        switch try piece.bigEndian(UInt32.self, at: 0) {
        case 0: return .header(BoxHeader(type: type, payload: .max))
        case 1: return .needsWideSize(of: type)
        case let size where size >= 8: return .header(BoxHeader(type: type, payload: UInt64(size) - 8))
        default: return .damaged
        }
    }

    /// Reads the eight bytes of a wide size, which counts sixteen of header.
    init?(type: FourCharacterCode, wideSize piece: RawSpan) throws(EndOfBytes) {
        let size = try piece.bigEndian(UInt64.self, at: 0)
        guard size >= 16 else { return nil }
        self.init(type: type, payload: size - 16)
    }

    private init(type: FourCharacterCode, payload: UInt64) {
        self.type = type
        self.payload = payload
    }
}
