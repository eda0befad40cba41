import ProxyCore
import Testing

@testable import ProxyServer

@Suite struct HistogramTests {
    static let sizes = [
        (0, 0), (1, 0), (1024, 0), (1025, 1), (2048, 1), (2049, 2), (5 << 20, 13), (1 << 26, 16), ((1 << 26) + 1, 17),
        (Int.max, 17),
    ]

    @Test("a size is in the first bucket that it does not exceed", arguments: sizes)
    func size(_ value: Int, _ bucket: Int) {
        #expect(HistogramScale.size.bucket(of: value) == bucket)
    }

    @Test("bounds are inclusive", arguments: [HistogramScale.time, .size]) func bounds(_ scale: HistogramScale) {
        #expect(scale.bounds.count == HistogramScale.bucketCount - 1)
        for (index, bound) in scale.bounds.enumerated() {
            #expect(scale.bucket(of: bound) == index)
            #expect(scale.bucket(of: bound + 1) == index + 1)
        }
    }

    @Test func aReadingHasBucketsAndTheSum() {
        let histogram = Histogram("h", .time)
        for time in [Duration.microseconds(50), .milliseconds(1), .seconds(3600), .seconds(-1)] {
            histogram.observe(time)
        }
        var reading = MetricsReading()
        histogram.read(into: &reading)
        #expect(reading.count(of: "h") == 4)
        #expect(reading["h.0"] == 2 && reading["h.3"] == 1 && reading["h.17"] == 1)
        #expect(reading["h.sum"] == 3_600_001_050)
    }

    static let quantiles: [([Int], Double, Double?)] = [
        ([], 0.5, nil), ([50], 0.5, 50), ([200, 200, 200, 200], 0.5, 175), ([40_000_000], 0.99, 30_000_000),
        ([50, 400], 0.75, 375),
    ]

    @Test("quantiles lie in the bucket of their value", arguments: quantiles)
    func quantile(_ values: [Int], _ rank: Double, _ expected: Double?) {
        let histogram = Histogram("h", .time)
        for value in values { histogram.observe(value) }
        var reading = MetricsReading()
        histogram.read(into: &reading)
        #expect(reading.quantile(rank, of: "h", .time) == expected)
    }
}

@Suite struct MetricsReadingTests {
    @Test func onlyWhatMovedIsPublished() {
        let metrics = Metrics()
        metrics.hits.add(3)
        let earlier = metrics.reading
        #expect(metrics.reading.since(earlier).isEmpty)
        metrics.hits.add()
        metrics.misses.add(2)
        #expect(metrics.reading.since(earlier).counts == ["hits": 1, "misses": 2])
        #expect((earlier + metrics.reading.since(earlier)) == metrics.reading)
        #expect(metrics.reading.hitRate == 4.0 / 6)
    }

    @Test(
        "every reason has a label",
        arguments: [
            ("denied.host", "denied"), ("bad-request.missing", "bad-request"),
            ("upstream.status-404", "upstream.missing"),
            ("upstream.status-5xx", "upstream.status-5xx"), ("client-gone", "client-gone"),
        ])
    func labels(_ reason: String, _ label: String) {
        #expect(MetricsLabels.failure(of: reason) == label)
        #expect(MetricsLabels.failures.contains(label))
    }

    @Test("labels fit their counters") func room() {
        #expect(MetricsLabels.failures.count <= 24 && MetricsLabels.statuses.count <= 24)
        #expect(MetricsLabels.failures.last == "other")
    }

    @Test("an error that has no label of its own is counted as another") func other() {
        let metrics = Metrics()
        metrics.failures.add("something new")
        #expect(metrics.reading["failures.other"] == 1)
    }
}

@Suite struct PrometheusTextTests {
    @Test(
        "values are in base units",
        arguments: [
            (100, "0.0001"), (1_000_000, "1"), (2_500_000, "2.5"), (0, "0"), (30_000_001, "30.000001"),
        ])
    func seconds(_ microseconds: Int, _ text: String) { #expect(HistogramScale.time.text(microseconds) == text) }

    @Test func bucketsAreSums() {
        var reading = MetricsReading()
        reading.add(2, to: "h.0")
        reading.add(1, to: "h.17")
        reading.add(1500, to: "h.sum")
        var text = PrometheusText()
        text.histogram("a_bytes", [("k", "a\"b\n")], reading, "h", .size)
        let lines = text.text.split(separator: "\n")
        #expect(lines.first == #"a_bytes_bucket{k="a\"b\n",le="1024"} 2"#)
        #expect(lines.contains(#"a_bytes_bucket{k="a\"b\n",le="+Inf"} 3"#))
        #expect(lines.suffix(2) == [#"a_bytes_sum{k="a\"b\n"} 1500"#, #"a_bytes_count{k="a\"b\n"} 3"#])
    }
}
