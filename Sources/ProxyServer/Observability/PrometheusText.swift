/// Writes the text format 0.0.4 of Prometheus. The caller writes all series of a metric together.
struct PrometheusText {
    static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    private(set) var text = ""

    enum Kind: String { case counter, gauge, histogram }

    mutating func metric(_ name: String, _ kind: Kind, _ help: String) {
        text += "# HELP \(name) \(help)\n# TYPE \(name) \(kind.rawValue)\n"
    }

    mutating func sample(_ name: String, _ labels: [(String, String)] = [], _ value: String) {
        text += name
        if !labels.isEmpty {
            text += "{" + labels.map { "\($0.0)=\"\(Self.escaped($0.1))\"" }.joined(separator: ",") + "}"
        }
        text += " \(value)\n"
    }

    /// A metric of one series.
    mutating func gauge(_ name: String, _ value: Int, _ help: String) {
        metric(name, .gauge, help)
        sample(name, [], "\(value)")
    }

    /// The same, where the value only grows.
    mutating func counter(_ name: String, _ value: Int, _ help: String) {
        metric(name, .counter, help)
        sample(name, [], "\(value)")
    }

    /// The series of a histogram, whose buckets Prometheus wants as sums from the first.
    mutating func histogram(
        _ name: String, _ labels: [(String, String)] = [], _ reading: MetricsReading, _ cells: String,
        _ scale: HistogramScale
    ) {
        var sum = 0
        let ends = scale.bounds.map { scale.text($0) } + ["+Inf"]
        for (end, count) in zip(ends, reading.buckets(of: cells)) {
            sum &+= count
            sample("\(name)_bucket", labels + [("le", end)], "\(sum)")
        }
        sample("\(name)_sum", labels, scale.text(reading["\(cells).sum"]))
        sample("\(name)_count", labels, "\(sum)")
    }

    private static func escaped(_ text: String) -> String {
        var escaped = ""
        for character in text.unicodeScalars {
            switch character {
            case "\\": escaped += "\\\\"
            case "\"": escaped += "\\\""
            case "\n": escaped += "\\n"
            default: escaped.unicodeScalars.append(character)
            }
        }
        return escaped
    }
}

extension HistogramScale {
    /// A value in the base unit: seconds or bytes.
    func text(_ value: Int) -> String {
        guard self == .time else { return "\(value)" }
        let fraction = String(value % 1_000_000 + 1_000_000).dropFirst()
        let digits = fraction.reversed().drop { $0 == "0" }.reversed()
        return digits.isEmpty ? "\(value / 1_000_000)" : "\(value / 1_000_000)." + String(digits)
    }
}
