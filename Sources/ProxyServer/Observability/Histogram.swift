import Synchronization

/// Where the buckets of a histogram end. They are API: dashboards and alerts are built on them.
enum HistogramScale: Sendable {
    /// Durations, counted in microseconds: from a hit in memory to an origin that is given up.
    case time
    /// Sizes in bytes: powers of two, so that the size gate nearly always stands at the end of a bucket.
    case size

    static let bucketCount = 18

    private static let times = [
        100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000,
        5_000_000, 10_000_000, 30_000_000,
    ]
    private static let sizes = (10..<27).map { 1 << $0 }

    /// The largest value of each bucket but the last, which has no end.
    var bounds: [Int] { self == .time ? Self.times : Self.sizes }

    /// The bucket of a value.
    func bucket(of value: Int) -> Int {
        guard self == .time else {
            return value <= 1024 ? 0 : min(Int.bitWidth - (value - 1).leadingZeroBitCount - 10, Self.bucketCount - 1)
        }
        return Self.times.firstIndex { value <= $0 } ?? Self.bucketCount - 1
    }
}

/// How often values came up, by their size. Atomic: two additions an observation, from any thread.
struct Histogram: ~Copyable, Sendable {
    let name: String
    let scale: HistogramScale
    private let buckets: InlineArray<18, Atomic<Int>>
    private let total = Atomic<Int>(0)

    init(_ name: String, _ scale: HistogramScale) {
        self.name = name
        self.scale = scale
        buckets = InlineArray { _ in Atomic(0) }
    }

    /// Counts a value in the scale's unit.
    func observe(_ value: Int) {
        let value = max(0, value)
        buckets[scale.bucket(of: value)].add(1, ordering: .relaxed)
        total.add(value, ordering: .relaxed)
    }

    func observe(_ time: Duration) { observe(time.wholeMicroseconds) }

    /// Adds its numbers to a reading: one for each bucket, and the sum of what was observed.
    func read(into reading: inout MetricsReading) {
        for index in buckets.indices {
            reading.add(buckets[index].load(ordering: .relaxed), to: Self.cell(name, index))
        }
        reading.add(total.load(ordering: .relaxed), to: "\(name).sum")
    }

    static func cell(_ name: String, _ bucket: Int) -> String { "\(name).\(bucket)" }
}

/// Counters that differ in one label of a closed set; what is none of them is counted as the last.
struct LabelledCounters<Label: Equatable & Sendable>: ~Copyable, Sendable {
    let name: String
    let labels: [Label]
    private let counts: InlineArray<24, Atomic<Int>>

    /// Up to 24 labels; the most frequent first, since they are looked through.
    init(_ name: String, _ labels: [Label]) {
        self.name = name
        self.labels = labels
        counts = InlineArray { _ in Atomic(0) }
    }

    func add(_ label: Label) {
        let index = labels.firstIndex(of: label) ?? labels.count - 1
        counts[min(index, counts.count - 1)].add(1, ordering: .relaxed)
    }

    func read(into reading: inout MetricsReading) {
        for (index, label) in labels.prefix(counts.count).enumerated() {
            reading.add(counts[index].load(ordering: .relaxed), to: "\(name).\(label)")
        }
    }
}

extension Duration {
    /// Whole microseconds, rounded down. Of more than 290,000 years nothing is said.
    var wholeMicroseconds: Int {
        Int(components.seconds &* 1_000_000 &+ components.attoseconds / 1_000_000_000_000)
    }
}
