/// Writes JSON as `JSON.stringify` does: no white space, `/` as it is, and only what must be escaped is escaped.
///
/// It sets the commas; that every name gets one value is up to the caller.
public struct JSONText: Sendable {
    /// What has been written.
    public private(set) var bytes: [UInt8]
    private var needsComma: Bool

    /// An empty text.
    public init() {
        bytes = []
        needsComma = false
    }

    /// The rest of an object, behind one of its members, which `text` ends.
    public init(behindMember text: [UInt8]) {
        bytes = text
        needsComma = true
    }

    /// What has been written, as a string.
    public var string: String { String(decoding: bytes, as: UTF8.self) }

    /// Writes an object whose members `body` writes.
    public mutating func object(_ body: (inout JSONText) -> Void) {
        open(UInt8(ascii: "{"))
        body(&self)
        close(UInt8(ascii: "}"))
    }

    /// Writes an array whose elements `body` writes.
    public mutating func array(_ body: (inout JSONText) -> Void) {
        open(UInt8(ascii: "["))
        body(&self)
        close(UInt8(ascii: "]"))
    }

    /// Writes the name of a member, whose value is next.
    public mutating func name(_ name: String) {
        value(.string(name))
        bytes.append(UInt8(ascii: ":"))
        needsComma = false
    }

    /// Writes a member.
    public mutating func member(_ name: String, _ value: JSONScalar) {
        self.name(name)
        self.value(value)
    }

    /// Writes a value: an element, the value of a member, or the whole text.
    public mutating func value(_ value: JSONScalar) {
        separate()
        switch value {
        case .string(let string): quote(string)
        case .integer(let integer): bytes.append(contentsOf: String(integer).utf8)
        case .number(let number): append(number)
        case .boolean(let boolean): bytes.append(contentsOf: (boolean ? "true" : "false").utf8)
        case .null: bytes.append(contentsOf: "null".utf8)
        }
        needsComma = true
    }

    /// Ends the object or array that is open.
    mutating func close(_ bracket: UInt8) {
        bytes.append(bracket)
        needsComma = true
    }

    private mutating func open(_ bracket: UInt8) {
        separate()
        bytes.append(bracket)
        needsComma = false
    }

    private mutating func separate() {
        if needsComma { bytes.append(UInt8(ascii: ",")) }
    }

    /// JSON has no infinities and no NaN: like `JSON.stringify`, null stands for them.
    private mutating func append(_ number: Double) {
        if let integer = Int64(exactly: number), abs(number) < 0x1p53 {
            bytes.append(contentsOf: String(integer).utf8)
        } else {
            bytes.append(contentsOf: (number.isFinite ? "\(number)" : "null").utf8)
        }
    }

    private mutating func quote(_ string: String) {
        bytes.append(UInt8(ascii: "\""))
        for byte in string.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes += [UInt8(ascii: "\\"), byte]
            case 0x20...: bytes.append(byte)
            case 0x08: bytes.append(contentsOf: "\\b".utf8)
            case 0x09: bytes.append(contentsOf: "\\t".utf8)
            case 0x0a: bytes.append(contentsOf: "\\n".utf8)
            case 0x0c: bytes.append(contentsOf: "\\f".utf8)
            case 0x0d: bytes.append(contentsOf: "\\r".utf8)
            default: bytes.append(contentsOf: ((byte < 0x10 ? #"\u000"# : #"\u00"#) + String(byte, radix: 16)).utf8)
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }
}
