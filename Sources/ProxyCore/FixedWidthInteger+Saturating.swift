/// For numbers that come from clocks, from origins, or from whoever can write to the cache: none of them ends the process. A result
/// that is too large or too small is the largest or smallest number.
extension FixedWidthInteger where Self: SignedInteger {
    public func saturatingAdding(_ other: Self) -> Self {
        let (sum, overflows) = addingReportingOverflow(other)
        return overflows ? (other < 0 ? .min : .max) : sum
    }

    public func saturatingSubtracting(_ other: Self) -> Self {
        let (difference, overflows) = subtractingReportingOverflow(other)
        return overflows ? (other < 0 ? .max : .min) : difference
    }

    public func saturatingMultiplied(by other: Self) -> Self {
        let (product, overflows) = multipliedReportingOverflow(by: other)
        return overflows ? ((self < 0) == (other < 0) ? .max : .min) : product
    }
}

extension Sequence {
    /// The sum of one number of each element, saturating.
    public func saturatingSum(_ number: (Element) -> Int) -> Int { reduce(0) { $0.saturatingAdding(number($1)) } }
}
