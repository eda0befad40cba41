/// The numbers that a process, a host or all hosts have counted, by the names that they have in Redis.
struct MetricsReading: Equatable, Sendable {
    private(set) var counts: [String: Int] = [:]

    subscript(name: String) -> Int { counts[name, default: 0] }

    mutating func add(_ count: Int, to name: String) { counts[name, default: 0] &+= count }

    /// What was counted since an earlier reading of the same counters; what stood still is left out.
    func since(_ earlier: MetricsReading) -> MetricsReading {
        var since = MetricsReading()
        for (name, count) in counts where count != earlier[name] { since.add(count &- earlier[name], to: name) }
        return since
    }

    static func + (one: MetricsReading, other: MetricsReading) -> MetricsReading {
        var sum = one
        for (name, count) in other.counts { sum.add(count, to: name) }
        return sum
    }

    var isEmpty: Bool { counts.isEmpty }
}

// MARK: - As text

extension MetricsReading {
    /// A name and a number a line, as a file has them. A line that is another is none.
    init(_ text: [UInt8]) {
        self.init()
        for line in String(decoding: text, as: UTF8.self).split(separator: "\n") {
            guard let blank = line.lastIndex(of: " "), let count = Int(line[line.index(after: blank)...]) else {
                continue
            }
            add(count, to: String(line[..<blank]))
        }
    }

    var lines: [UInt8] { Array(counts.map { "\($0.key) \($0.value)\n" }.sorted().joined().utf8) }
}

// MARK: - Histograms

extension MetricsReading {
    /// The buckets of a histogram, each for itself.
    func buckets(of histogram: String) -> [Int] {
        (0..<HistogramScale.bucketCount).map { self[Histogram.cell(histogram, $0)] }
    }

    /// How many values a histogram has.
    func count(of histogram: String) -> Int { buckets(of: histogram).reduce(0, &+) }

    /// Hits among the requests that the cache was asked for; nil before there is one.
    var hitRate: Double? {
        let asked = self["hits"] &+ self["misses"]
        return asked > 0 ? Double(self["hits"]) / Double(asked) : nil
    }

    /// The value below which the part `rank` of a histogram lies, as the end of a bucket; in it, values are taken to
    /// spread evenly. Nil without values, and the last bound where it lies beyond that.
    func quantile(_ rank: Double, of histogram: String, _ scale: HistogramScale) -> Double? {
        let buckets = buckets(of: histogram)
        let count = buckets.reduce(0, &+)
        guard count > 0 else { return nil }
        let wanted = rank * Double(count)
        // As numbers with a point: what others have counted may be any numbers, whose sums have no end.
        var before = 0.0
        for (index, bound) in scale.bounds.enumerated() {
            let inside = Double(buckets[index])
            if inside > 0, before + inside >= wanted {
                let from = Double(index == 0 ? 0 : scale.bounds[index - 1])
                return from + (Double(bound) - from) * max(0, wanted - before) / inside
            }
            before += inside
        }
        return scale.bounds.last.map { Double($0) }
    }
}
