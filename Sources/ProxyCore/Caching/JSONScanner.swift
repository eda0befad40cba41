/// Reads JSON (RFC 8259) token by token. It builds no tree, copies nothing, does not recurse, and passes each byte once.
///
/// It remembers only where it is; the text is handed to it at each step and must be the same one each time. What it reads may
/// be anything: deeper nesting than `maximumDepth`, invalid UTF-8 and every breach of the grammar are errors.
public struct JSONScanner: Sendable {
    /// One bit of a word for each open container.
    public static let maximumDepth = UInt64.bitWidth

    private enum Expectation {
        case value, firstElement, firstName, name, separator, end
    }

    /// The offset of the next byte to be read.
    public private(set) var position: Int
    private var expectation: Expectation
    /// The open containers, the innermost lowest: 1 is an object, 0 an array.
    private var containers: UInt64
    /// How many containers are open.
    public private(set) var depth: Int

    /// A scanner at the beginning of a text.
    public init() {
        position = 0
        expectation = .value
        containers = 0
        depth = 0
    }

    /// A scanner within an outermost object, behind one of its values that ends at `position`.
    public init(behindMemberEndingAt position: Int) {
        self.position = position
        expectation = .separator
        containers = 1
        depth = 1
    }

    /// The next token. After the outermost value it is `.end`, once, if only white space follows.
    public mutating func next(in text: Span<UInt8>) throws(JSONError) -> JSONToken {
        while true {
            guard let byte = skipWhiteSpace(in: text) else {
                if expectation == .end { return .end }
                throw .truncated
            }
            switch (expectation, byte) {
            case (.end, _): throw .malformed
            case (.separator, UInt8(ascii: ",")):
                position += 1
                expectation = isInObject ? .name : .value
            case (.separator, _), (.firstName, UInt8(ascii: "}")), (.firstElement, UInt8(ascii: "]")):
                return try close(byte)
            case (.firstName, _), (.name, _):
                guard byte == UInt8(ascii: "\"") else { throw .malformed }
                return .name(try name(in: text))
            case (.value, _), (.firstElement, _):
                return try value(beginningWith: byte, in: text)
            }
        }
    }

    /// Passes over what is left of the container that `next` has just opened.
    public mutating func skipContainer(in text: Span<UInt8>) throws(JSONError) {
        let outside = depth - 1
        while depth > outside { _ = try next(in: text) }
    }

    private var isInObject: Bool { containers & 1 == 1 }

    private mutating func skipWhiteSpace(in text: Span<UInt8>) -> UInt8? {
        while position < text.count {
            let byte = text[position]
            guard byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09 else { return byte }
            position += 1
        }
        return nil
    }

    private mutating func value(beginningWith byte: UInt8, in text: Span<UInt8>) throws(JSONError) -> JSONToken {
        switch byte {
        case UInt8(ascii: "{"): return try open(.objectStart)
        case UInt8(ascii: "["): return try open(.arrayStart)
        default: break
        }
        let token: JSONToken =
            switch byte {
            case UInt8(ascii: "\""): .string(try string(in: text))
            case UInt8(ascii: "t"): try literal("true", .boolean(true), in: text)
            case UInt8(ascii: "f"): try literal("false", .boolean(false), in: text)
            case UInt8(ascii: "n"): try literal("null", .null, in: text)
            default: .number(try number(in: text))
            }
        valueEnded()
        return token
    }

    private mutating func valueEnded() { expectation = depth == 0 ? .end : .separator }

    private mutating func open(_ token: JSONToken) throws(JSONError) -> JSONToken {
        guard depth < Self.maximumDepth else { throw .tooDeep }
        let isObject = token == .objectStart
        position += 1
        depth += 1
        containers = containers << 1 | (isObject ? 1 : 0)
        expectation = isObject ? .firstName : .firstElement
        return token
    }

    private mutating func close(_ byte: UInt8) throws(JSONError) -> JSONToken {
        guard byte == (isInObject ? UInt8(ascii: "}") : UInt8(ascii: "]")) else { throw .malformed }
        let token: JSONToken = isInObject ? .objectEnd : .arrayEnd
        position += 1
        depth -= 1
        containers >>= 1
        valueEnded()
        return token
    }

    private mutating func name(in text: Span<UInt8>) throws(JSONError) -> JSONString {
        let name = try string(in: text)
        guard let byte = skipWhiteSpace(in: text) else { throw .truncated }
        guard byte == UInt8(ascii: ":") else { throw .malformed }
        position += 1
        expectation = .value
        return name
    }

    private mutating func literal(
        _ word: String, _ token: JSONToken, in text: Span<UInt8>
    ) throws(JSONError) -> JSONToken {
        for character in word.utf8 {
            guard position < text.count else { throw .truncated }
            guard text[position] == character else { throw .malformed }
            position += 1
        }
        return token
    }

    private mutating func string(in text: Span<UInt8>) throws(JSONError) -> JSONString {
        let string = try JSONString(at: position, in: text)
        position = string.range.upperBound + 1
        return string
    }

    private mutating func number(in text: Span<UInt8>) throws(JSONError) -> JSONNumber {
        let number = try JSONNumber(at: position, in: text)
        position = number.range.upperBound
        return number
    }
}

/// A token and where it stands.
public enum JSONToken: Equatable, Sendable {
    case objectStart, objectEnd, arrayStart, arrayEnd
    /// The name of a member; its value is next.
    case name(JSONString)
    case string(JSONString)
    /// A number, in any form that JSON allows.
    case number(JSONNumber)
    case boolean(Bool)
    case null
    /// The text is whole.
    case end
}

/// Why a text is not JSON that we read.
public enum JSONError: Error, Equatable, Sendable {
    /// It ends too early.
    case truncated
    /// It breaks the grammar.
    case malformed
    /// A string is not UTF-8.
    case invalidUTF8
    /// It is nested deeper than `JSONScanner.maximumDepth`.
    case tooDeep
}
