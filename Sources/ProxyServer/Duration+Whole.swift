extension Duration {
    /// Whole milliseconds, rounded down and clamped.
    var wholeMilliseconds: Int {
        Int(clamping: components.seconds).multipliedReportingOverflow(by: 1000).partialValue
            &+ Int(components.attoseconds / 1_000_000_000_000_000)
    }

    /// Milliseconds with the microseconds behind the point, for people who read logs.
    var millisecondsText: String {
        let microseconds = components.seconds &* 1_000_000 &+ components.attoseconds / 1_000_000_000_000
        let fraction = String(microseconds % 1000)
        return "\(microseconds / 1000)." + String(repeating: "0", count: 3 - fraction.utf8.count) + fraction
    }
}
