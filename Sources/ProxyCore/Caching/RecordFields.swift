/// The members of the one object that a value is: those that a record knows by name, and the first few of the others.
struct RecordFields {
    private let names: [String]
    private var values: [JSONToken?]
    /// The fields that are none of the record's own, in order of first appearance.
    private(set) var extra: [JSONField] = []

    // Whoever can write to the cache chooses how many unknown fields there are, and how long they are.
    private static let extraLimit = 32
    private static let extraNameLimit = 64
    private static let extraValueLimit = 8 * 1024

    /// Reads all of `value`, which must be one object.
    init(_ names: [String], in value: Span<UInt8>) throws(RecordError) {
        var scanner = JSONScanner()
        var first = JSONToken.end
        do { first = try scanner.next(in: value) } catch { throw .notJSON }
        guard first == .objectStart else { throw .notAnObject }
        try self.init(names, in: value, from: scanner)
    }

    /// Reads `value` from where `scanner` is, within the object, to its end.
    init(_ names: [String], in value: Span<UInt8>, from scanner: JSONScanner) throws(RecordError) {
        self.names = names
        values = Array(repeating: nil, count: names.count)
        var scanner = scanner
        do { try read(value, with: &scanner) } catch { throw .notJSON }
    }

    /// The token of a field; nil when it is missing.
    subscript(name: String) -> JSONToken? { names.firstIndex(of: name).flatMap { values[$0] } }

    /// The string that a field is.
    func string(_ name: String, in value: Span<UInt8>) throws(RecordError) -> String {
        guard case .string(let string) = try token(name), let string = string.string(in: value) else {
            throw .wrongType
        }
        return string
    }

    /// The whole number that a field is.
    func integer(_ name: String, in value: Span<UInt8>) throws(RecordError) -> Int64 {
        guard case .number(let number) = try token(name), let integer = number.integer(in: value) else {
            throw .wrongType
        }
        return integer
    }

    private func token(_ name: String) throws(RecordError) -> JSONToken {
        guard let token = self[name] else { throw .missingField }
        return token
    }

    private mutating func read(_ text: Span<UInt8>, with scanner: inout JSONScanner) throws(JSONError) {
        while case .name(let name) = try scanner.next(in: text) {
            let value = try scanner.next(in: text)
            if value == .objectStart || value == .arrayStart { try scanner.skipContainer(in: text) }
            // Of several members with one name the last counts, as for JSON.parse.
            if let index = names.firstIndex(where: { name.equals($0, in: text) }) {
                values[index] = value
            } else {
                keepExtra(name, value, in: text)
            }
        }
        guard try scanner.next(in: text) == .end else { throw .malformed }
    }

    private mutating func keepExtra(_ name: JSONString, _ value: JSONToken, in text: Span<UInt8>) {
        let known = extra.firstIndex { name.equals($0.name, in: text) }
        guard let value = extraValue(value, in: text) else {
            if let known { extra.remove(at: known) }
            return
        }
        if let known {
            extra[known].value = value
        } else if extra.count < Self.extraLimit, name.range.count <= Self.extraNameLimit,
            let name = name.string(in: text)
        {
            extra.append(JSONField(name, value))
        }
    }

    private func extraValue(_ token: JSONToken, in text: Span<UInt8>) -> JSONScalar? {
        if case .string(let string) = token, string.range.count > Self.extraValueLimit { return nil }
        return JSONScalar(token, in: text)
    }
}

extension RecordFields {
    /// A time that JavaScript's `Date` can say too (ECMA-262, 21.4.1.1), in Unix milliseconds.
    func time(_ name: String, in value: Span<UInt8>) throws(RecordError) -> Int64 {
        let time = try integer(name, in: value)
        guard (0...8_640_000_000_000_000).contains(time) else { throw .timeOutOfRange }
        return time
    }

    /// A size in bytes or pixels. JavaScript's numbers are whole up to 2^53.
    func size(_ name: String, in value: Span<UInt8>, atLeast least: Int) throws(RecordError) -> Int {
        guard let size = Int(exactly: try integer(name, in: value)), size >= least, size < 1 << 53 else {
            throw .sizeOutOfRange
        }
        return size
    }

    /// A content type that may stand in a header field as it is (RFC 9110, 5.5).
    func contentType(in value: Span<UInt8>) throws(RecordError) -> String {
        let type = try string("contentType", in: value)
        guard (1...255).contains(type.utf8.count), type.utf8.allSatisfy({ (0x21...0x7e).contains($0) || $0 == 0x20 }),
            type.utf8.first != 0x20, type.utf8.last != 0x20
        else { throw .invalidContentType }
        return type
    }
}
