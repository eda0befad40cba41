/// A number in a JSON text (RFC 8259, section 6), where it stands.
public struct JSONNumber: Equatable, Sendable {
    /// The characters of the number.
    public let range: Range<Int>

    /// No number that we would keep is longer; converting a longer one is work that only a hostile text asks for.
    private static let longestConverted = 64
    /// The digits of 2^63, and of 2^64 one more.
    private static let mostDigits = 19

    /// Reads the number that begins at `start`.
    init(at start: Int, in text: Span<UInt8>) throws(JSONError) {
        var end = start
        if Self.byte(at: end, in: text) == UInt8(ascii: "-") { end += 1 }
        if Self.byte(at: end, in: text) == UInt8(ascii: "0") {
            end += 1
        } else {
            end = try Self.endOfDigits(from: end, in: text)
        }
        if Self.byte(at: end, in: text) == UInt8(ascii: ".") { end = try Self.endOfDigits(from: end + 1, in: text) }
        let letter = Self.byte(at: end, in: text)
        if letter == UInt8(ascii: "e") || letter == UInt8(ascii: "E") {
            let sign = Self.byte(at: end + 1, in: text)
            let isSigned = sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-")
            end = try Self.endOfDigits(from: end + (isSigned ? 2 : 1), in: text)
        }
        range = start..<end
    }

    /// Behind the end 0, which stands in no number.
    private static func byte(at index: Int, in text: Span<UInt8>) -> UInt8 { index < text.count ? text[index] : 0 }

    /// Where the digits that begin at `start` end; there must be one.
    private static func endOfDigits(from start: Int, in text: Span<UInt8>) throws(JSONError) -> Int {
        guard start < text.count else { throw .truncated }
        var end = start
        while digits.contains(byte(at: end, in: text)) { end += 1 }
        guard end > start else { throw .malformed }
        return end
    }

    /// The number, if it is whole and fits: `1000`, `1000.0` and `1e3` are the same.
    public func integer(in text: Span<UInt8>) -> Int64? {
        let isNegative = text[range.lowerBound] == UInt8(ascii: "-")
        let digits = range.dropFirst(isNegative ? 1 : 0)
        var magnitude: UInt64 = 0
        for index in digits {
            guard Self.digits.contains(text[index]) else { return double(in: text).flatMap(Int64.init(exactly:)) }
            magnitude = magnitude &* 10 &+ UInt64(text[index] &- Self.digits.lowerBound)
        }
        // As many always fit into 64 bits, and no zero stands in front.
        guard digits.count <= Self.mostDigits else { return nil }
        if isNegative, magnitude == Int64.min.magnitude { return .min }
        return Int64(exactly: magnitude).map { isNegative ? -$0 : $0 }
    }

    /// The nearest `Double`, if the number is finite and of a sane length.
    public func double(in text: Span<UInt8>) -> Double? {
        guard range.count <= Self.longestConverted, let characters = try? UTF8Span(validating: text.extracting(range)),
            let value = Double(String(copying: characters)), value.isFinite
        else { return nil }
        return value
    }

    private static let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
}
