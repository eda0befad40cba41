/// A JSON value that is neither object nor array.
public enum JSONScalar: Equatable, Sendable {
    case string(String)
    case integer(Int64)
    case number(Double)
    case boolean(Bool)
    case null
}

extension JSONScalar {
    /// The value of a token; nil when it is none, or none that can be kept.
    init?(_ token: JSONToken, in text: Span<UInt8>) {
        switch token {
        case .string(let string):
            guard let string = string.string(in: text) else { return nil }
            self = .string(string)
        case .number(let number):
            if let integer = number.integer(in: text) {
                self = .integer(integer)
            } else if let double = number.double(in: text) {
                self = .number(double)
            } else {
                return nil
            }
        case .boolean(let boolean): self = .boolean(boolean)
        case .null: self = .null
        case .name, .objectStart, .objectEnd, .arrayStart, .arrayEnd, .end: return nil
        }
    }
}

/// A member of a JSON object.
public struct JSONField: Equatable, Sendable {
    public var name: String
    public var value: JSONScalar

    public init(_ name: String, _ value: JSONScalar) {
        self.name = name
        self.value = value
    }
}
