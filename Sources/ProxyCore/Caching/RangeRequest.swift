/// Which part of a representation a client asks for (RFC 9110, 14).
public enum RangeRequest: Equatable, Sendable {
    /// All of it, with status 200.
    case whole
    /// These bytes, with status 206; never none.
    case part(Range<Int>)
    /// Nothing that is there: status 416.
    case unsatisfiable

    /// Reads the Range and If-Range fields of a GET for a representation of `size` bytes.
    ///
    /// One range of bytes is understood. A server may ignore every Range (14.2): it does so for several ranges at once,
    /// which invite amplification, for other units, and for what is malformed.
    public static func evaluate(range: String?, ifRange: String?, size: Int, _ validators: Validators) -> RangeRequest {
        guard let range, size > 0, isSame(ifRange, validators) else { return .whole }
        let text = FieldText.trimmed(Array(range.utf8)[...])
        let unit = text.prefix { $0 != UInt8(ascii: "=") }
        // Units are compared without regard to case (14.1).
        guard unit.count < text.count, FieldText.lowercased(unit) == "bytes" else { return .whole }
        let numbers = FieldText.trimmed(text.dropFirst(unit.count + 1))
            .split(separator: UInt8(ascii: "-"), maxSplits: 2, omittingEmptySubsequences: false)
        guard numbers.count == 2, numbers.allSatisfy({ $0.allSatisfy(URIText.isDigit) }) else { return .whole }
        return evaluate(first: number(numbers[0]), last: number(numbers[1]), size: size)
    }

    /// RFC 9110, 14.1.2: `first-last`, `first-`, `-length`.
    private static func evaluate(first: Int?, last: Int?, size: Int) -> RangeRequest {
        switch (first, last) {
        case (nil, nil): .whole
        case (nil, let length?): length == 0 ? .unsatisfiable : .part(size - min(length, size)..<size)
        case (let first?, let last?) where last < first: .whole
        case (let first?, let last): first < size ? .part(first..<min(last ?? .max, size - 1) + 1) : .unsatisfiable
        }
    }

    /// RFC 9110, 13.1.5: a part is wanted only of the very representation that the client has the rest of. A tag is
    /// recognised by a quote among its first three characters.
    private static func isSame(_ ifRange: String?, _ validators: Validators) -> Bool {
        guard let ifRange else { return true }
        if ifRange.utf8.prefix(3).contains(UInt8(ascii: "\"")) {
            guard let tag = EntityTag(ifRange), let etag = validators.etag else { return false }
            return tag.matchesStrongly(etag)
        }
        guard let lastModified = validators.lastModified else { return false }
        return HTTPDate.parse(ifRange, now: lastModified) == lastModified
    }

    /// A number of digits, `Int.max` where it is greater; nil when there are none.
    private static func number(_ digits: ArraySlice<UInt8>) -> Int? {
        guard !digits.isEmpty else { return nil }
        return digits.reduce(0) { value, digit in
            let (tens, overflows) = value.multipliedReportingOverflow(by: 10)
            let (sum, overflowsToo) = tens.addingReportingOverflow(Int(digit - UInt8(ascii: "0")))
            return overflows || overflowsToo ? .max : sum
        }
    }
}
