/// A number in a JSON text (RFC 8259, section 6), where it stands.
public struct JSONNumber: Equatable, Sendable {
    /// The characters of the number.
    public let range: Range<Int>

    /// No number that we would keep is longer; converting a longer one is work that only a hostile text asks for.
    private static let longestConverted = 64

    /// Reads the number that begins at `start`.
    init(at start: Int, in text: Span<UInt8>) throws(JSONError) {
        var index = start
        func isNext(_ bytes: ClosedRange<UInt8>) -> Bool { index < text.count && bytes.contains(text[index]) }
        func take(_ byte: UInt8) -> Bool {
            guard isNext(byte...byte) else { return false }
            index += 1
            return true
        }
        func takeDigits() throws(JSONError) {
            guard index < text.count else { throw .truncated }
            guard isNext(Self.digits) else { throw .malformed }
            while isNext(Self.digits) { index += 1 }
        }

        _ = take(UInt8(ascii: "-"))
        if !take(UInt8(ascii: "0")) { try takeDigits() }
        if take(UInt8(ascii: ".")) { try takeDigits() }
        if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
            if !take(UInt8(ascii: "+")) { _ = take(UInt8(ascii: "-")) }
            try takeDigits()
        }
        range = start..<index
    }

    /// The number, if it is whole and fits: `1000`, `1000.0` and `1e3` are the same.
    public func integer(in text: Span<UInt8>) -> Int64? {
        let isNegative = text[range.lowerBound] == UInt8(ascii: "-")
        var value: Int64 = 0
        for index in range.dropFirst(isNegative ? 1 : 0) {
            guard Self.digits.contains(text[index]) else { return double(in: text).flatMap(Int64.init(exactly:)) }
            let digit = Int64(text[index] - Self.digits.lowerBound)
            let (product, overflows) = value.multipliedReportingOverflow(by: 10)
            let (sum, overflowsToo) = product.addingReportingOverflow(isNegative ? -digit : digit)
            guard !overflows, !overflowsToo else { return nil }
            value = sum
        }
        return value
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
