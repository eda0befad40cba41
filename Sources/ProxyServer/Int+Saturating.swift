extension FixedWidthInteger where Self: SignedInteger {
    /// The sum; one that is too large or too small is the largest or smallest number. For numbers that whoever can write to
    /// the cache chooses: none of them ends the process.
    func saturatingAdding(_ other: Self) -> Self {
        let (sum, overflows) = addingReportingOverflow(other)
        return overflows ? (other < 0 ? .min : .max) : sum
    }

    /// The difference, likewise.
    func saturatingSubtracting(_ other: Self) -> Self {
        let (difference, overflows) = subtractingReportingOverflow(other)
        return overflows ? (other < 0 ? .max : .min) : difference
    }
}

extension Sequence {
    /// The sum of one number of each element, saturating.
    func saturatingSum(_ number: (Element) -> Int) -> Int { reduce(0) { $0.saturatingAdding(number($1)) } }
}
