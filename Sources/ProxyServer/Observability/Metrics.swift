import ProxyCore
import Synchronization

/// What this process has counted since its start. Sendable: atomics, added to from any thread.
///
/// A hit costs nine additions, some tens of nanoseconds in all.
public final class Metrics: Sendable {
    public struct Counter: ~Copyable, Sendable {
        private let value = Atomic<Int>(0)

        public func add(_ count: Int = 1) { value.add(count, ordering: .relaxed) }
        public var count: Int { value.load(ordering: .relaxed) }
    }

    public let requests = Counter()
    public let hits = Counter()
    public let misses = Counter()
    /// Answers with an image that was no longer fresh, because it is being refreshed or its origin is in trouble.
    public let stale = Counter()
    public let errors = Counter()
    public let clientsGone = Counter()
    public let bytesServed = Counter()
    /// Bytes of hits: what origins did not have to send.
    public let bytesSaved = Counter()
    public let bytesFetched = Counter()
    public let stored = Counter()
    public let tooLarge = Counter()
    public let overBudget = Counter()
    /// Images whose origin forbids that they are kept.
    public let notStorable = Counter()
    /// Requests that waited for another's fetch.
    public let collapsed = Counter()
    /// Stale images that their origin said are still good.
    public let revalidated = Counter()
    public let storeFailures = Counter()
    /// Records that were in the cache and could not be used; each is replaced by the miss that follows.
    public let damagedRecords = Counter()
    /// Commands that Redis did not answer or refused, or reads and writes of the embedded store that failed.
    public let cacheFailures = Counter()
    /// Images that the embedded store gave up for room.
    public let folderEvictions = Counter()

    /// Answers by their status.
    let responses = LabelledCounters("responses", MetricsLabels.statuses)
    /// Requests that failed, by what went wrong.
    let failures = LabelledCounters("failures", MetricsLabels.failures)

    // How long requests took, by what the cache did.
    let hitTime = Histogram("time.hit", .time)
    let missTime = Histogram("time.miss", .time)
    let staleTime = Histogram("time.stale", .time)
    let otherTime = Histogram("time.none", .time)
    // How long the phases of a request took, where it had them.
    let queueTime = Histogram("phase.queue", .time)
    let cacheTime = Histogram("phase.cache", .time)
    let nameTime = Histogram("phase.dns", .time)
    let connectTime = Histogram("phase.connect", .time)
    let tlsTime = Histogram("phase.tls", .time)
    let firstByteTime = Histogram("phase.first_byte", .time)
    let fetchTime = Histogram("phase.fetch", .time)
    let servedSize = Histogram("size.served", .size)
    /// Images that came whole from their origin: those that the size gate judges.
    let fetchedSize = Histogram("size.fetched", .size)

    let decisions = RecentDecisions()

    public init() {}

    /// Every plain counter with its name in the statistics.
    var all: [(name: String, count: Int)] {
        [
            ("requests", requests.count), ("hits", hits.count), ("misses", misses.count), ("stale", stale.count),
            ("errors", errors.count), ("clientsGone", clientsGone.count), ("bytesServed", bytesServed.count),
            ("bytesSaved", bytesSaved.count), ("bytesFetched", bytesFetched.count), ("stored", stored.count),
            ("tooLarge", tooLarge.count), ("overBudget", overBudget.count), ("notStorable", notStorable.count),
            ("collapsed", collapsed.count), ("revalidated", revalidated.count),
            ("storeFailures", storeFailures.count), ("damagedRecords", damagedRecords.count),
            ("cacheFailures", cacheFailures.count), ("folderEvictions", folderEvictions.count),
        ]
    }

    /// All of it at about one moment. Some ten microseconds.
    var reading: MetricsReading {
        var reading = MetricsReading()
        for (name, count) in all { reading.add(count, to: name) }
        responses.read(into: &reading)
        failures.read(into: &reading)
        hitTime.read(into: &reading)
        missTime.read(into: &reading)
        staleTime.read(into: &reading)
        otherTime.read(into: &reading)
        queueTime.read(into: &reading)
        cacheTime.read(into: &reading)
        nameTime.read(into: &reading)
        connectTime.read(into: &reading)
        tlsTime.read(into: &reading)
        firstByteTime.read(into: &reading)
        fetchTime.read(into: &reading)
        servedSize.read(into: &reading)
        fetchedSize.read(into: &reading)
        return reading
    }
}

extension Metrics {
    /// Counts a request that has ended.
    func count(_ record: AccessRecord, total: Duration) {
        requests.add()
        responses.add(record.status)
        bytesServed.add(record.bytes)
        switch record.cacheStatus.outcome {
        case .hit:
            hits.add()
            bytesSaved.add(record.bytes)
            hitTime.observe(total)
        case .forwarded(.stale):
            misses.add()
            staleTime.observe(total)
        case .forwarded:
            misses.add()
            missTime.observe(total)
        case .none: otherTime.observe(total)
        }
        if record.cacheStatus.outcome != .none, record.status < 400 { servedSize.observe(record.bytes) }
        if record.cacheStatus.isServedStale { stale.add() }
        if record.status == 499 { clientsGone.add() } else if record.status >= 400 { errors.add() }
        if let reason = record.reason { failures.add(MetricsLabels.failure(of: reason)) }
        countPhases(of: record)
    }

    private func countPhases(of record: AccessRecord) {
        if let time = record.cacheTime { cacheTime.observe(time) }
        if let time = record.queueTime { queueTime.observe(time) }
        if let time = record.fetchTime { fetchTime.observe(time) }
        guard let fetch = record.fetch else { return }
        // A connection that was kept has none of these three.
        if fetch.nameLookup > .zero { nameTime.observe(fetch.nameLookup) }
        if fetch.connect > .zero { connectTime.observe(fetch.connect) }
        if fetch.tls > .zero { tlsTime.observe(fetch.tls) }
        if fetch.firstByte > .zero { firstByteTime.observe(fetch.firstByte) }
    }
}

extension CacheStatus {
    /// Whether the image was past its freshness when it was sent.
    fileprivate var isServedStale: Bool { freshnessLeft ?? 0 < 0 || detail == "stale-if-error" }
}

/// The values that labels of metrics may have. They are API, and closed: no peer can add one.
enum MetricsLabels {
    static let statuses = [200, 304, 206, 404, 403, 502, 504, 503, 400, 499, 405, 410, 416, 500]

    static let failures = [
        "denied", "upstream.missing", "bad-request", "client-gone", "overloaded", "forbidden", "not-found", "method",
        "upstream.status-3xx", "upstream.status-4xx", "upstream.status-5xx", "upstream.name-not-resolved",
        "upstream.unreachable", "upstream.certificate", "upstream.broken-response", "upstream.timed-out",
        "upstream.not-an-image", "upstream.content-encoding", "upstream.too-large", "upstream.too-many-redirects",
        "upstream.bad-redirect", "upstream.unavailable", "other",
    ]

    /// The label of a `ProxyError`'s reason: which rule denied a source is for the log.
    static func failure(of reason: String) -> String {
        if reason.hasPrefix("denied.") { return "denied" }
        if reason.hasPrefix("bad-request.") { return "bad-request" }
        return ["upstream.status-404", "upstream.status-410"].contains(reason) ? "upstream.missing" : reason
    }
}
