extension Duration {
    /// Reads `250ms`, `3s`, `2m`, `1h`, `7d`, or a bare `0`. Any other bare number is refused: nobody can tell
    /// whether `5` was meant as seconds or as milliseconds.
    public init?(configurationText text: some StringProtocol) {
        guard let (number, unit) = ConfigurationText.leadingNumber(of: text) else { return nil }
        switch unit {
        case "ms": self = .milliseconds(number)
        case "" where number == 0: self = .zero
        default:
            guard let length = Self.secondsPerUnit(unit) else { return nil }
            let (seconds, overflow) = number.multipliedReportingOverflow(by: length)
            guard !overflow else { return nil }
            self = .seconds(seconds)
        }
    }

    /// The shortest text that reads back as this duration, which is taken as whole milliseconds.
    public var configurationText: String {
        let (seconds, attoseconds) = components
        let milliseconds = attoseconds / 1_000_000_000_000_000
        if milliseconds != 0 { return "\(Int128(seconds) * 1000 + Int128(milliseconds))ms" }
        for unit in ["d", "h", "m"] {
            if let length = Self.secondsPerUnit(unit), seconds != 0, seconds.isMultiple(of: Int64(length)) {
                return "\(seconds / Int64(length))\(unit)"
            }
        }
        return seconds == 0 ? "0" : "\(seconds)s"
    }

    private static func secondsPerUnit(_ unit: String) -> Int? {
        switch unit {
        case "s": 1
        case "m": 60
        case "h": 60 * 60
        case "d": 24 * 60 * 60
        default: nil
        }
    }
}
