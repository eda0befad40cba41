import ProxyCore

/// The statistics that `P/stats` shows: what is in the cache now, and what this process, this host and all hosts have done.
struct Statistics: Sendable {
    let cache: (any CacheTier)?
    let metrics: Metrics
    let configuration: Configuration
    let storeBudget: StoreBudget
    let clock: WallClock

    /// All that is known at one moment.
    struct Snapshot: Sendable {
        let time: Int64
        let process = ProcessFigures()
        let counts: MetricsReading
        /// Nil while the cache cannot be asked.
        let overview: CacheOverview?
        /// What is wrong with the cache, as it says itself; nil where nothing is, or there is no cache.
        let problem: String?
        let hosts: [(host: String, counts: MetricsReading)]?
    }

    func snapshot(withHosts: Bool) -> Snapshot {
        let overview: CacheOverview?
        let problem: String?
        do {
            overview = try cache?.overview()
            problem = overview?.folder?.problem
        } catch {
            (overview, problem) = (nil, error.reason)
        }
        // What the hosts' processes have counted within the last second is not in their sums yet.
        return Snapshot(
            time: clock(), counts: metrics.reading, overview: overview, problem: problem,
            hosts: withHosts ? try? cache?.hostCounts() : nil)
    }

    func json() -> [UInt8] {
        cache?.watched()
        let snapshot = snapshot(withHosts: true)
        var text = JSONText()
        text.object { text in
            let overview = snapshot.overview
            (overview?.statistics ?? CacheStatistics()).write(to: &text)
            text.member("cacheKind", .string(configuration.cache.store.kind))
            text.member("cacheAvailable", .boolean(overview != nil))
            text.member("cacheProblem", snapshot.problem.map { .string($0) } ?? .null)
            text.member("countedAt", .integer(overview?.countedAt ?? snapshot.time))
            text.member("countIsCurrent", .boolean(overview?.isCurrent ?? false))
            text.member("countIsEstimate", .boolean(overview?.isEstimate ?? false))
            text.name("redis")
            if let server = overview?.server { text.object { server.write(to: &$0) } } else { text.value(.null) }
            text.name("folder")
            if let folder = overview?.folder { folder.write(to: &text) } else { text.value(.null) }
            for (name, count) in metrics.all { text.member(name, .integer(Int64(count))) }
            text.member("hitRate", snapshot.counts.hitRate.map { .number($0) } ?? .null)
            snapshot.counts.writeDetails(to: &text)
            text.name("process")
            text.object { process(snapshot, &$0) }
            text.name("host")
            sums(snapshot.hosts.map { $0.filter { $0.host == HostName.text } }, named: HostName.text, &text)
            text.name("allHosts")
            sums(snapshot.hosts, named: nil, &text)
            text.name("recent")
            text.array { text in for decision in metrics.decisions.newestFirst { decision.write(to: &text) } }
        }
        return text.bytes
    }

    private func process(_ snapshot: Snapshot, _ text: inout JSONText) {
        let process = snapshot.process
        text.member("identifier", .integer(Int64(process.identifier)))
        text.member("version", .string(ProgramVersion.text))
        text.member("startedAt", .integer(process.startedAt))
        text.member("time", .integer(snapshot.time))
        text.member("residentMemory", process.residentMemory.map { .integer(Int64($0)) } ?? .null)
        let memory = cache?.memoryUsage
        text.member("memoryCacheBytes", .integer(Int64(memory?.bytes ?? 0)))
        text.member("memoryCacheImages", .integer(Int64(memory?.entries ?? 0)))
        text.member("storeWaitingBytes", .integer(Int64(storeBudget.usage)))
        text.member("maxCacheSize", .integer(Int64(configuration.cache.maximumSize.bytes)))
    }

    /// What hosts have counted together; null while it is not known.
    private func sums(
        _ hosts: [(host: String, counts: MetricsReading)]?, named name: String?, _ text: inout JSONText
    ) {
        guard let hosts else { return text.value(.null) }
        let counts = hosts.reduce(MetricsReading()) { $0 + $1.counts }
        text.object { text in
            if let name {
                text.member("name", .string(name))
            } else {
                text.member("hosts", .integer(Int64(hosts.count)))
            }
            for (name, _) in metrics.all { text.member(name, .integer(Int64(counts[name]))) }
            text.member("hitRate", counts.hitRate.map { .number($0) } ?? .null)
            counts.writeDetails(to: &text)
        }
    }
}

extension MetricsReading {
    /// What has a member of its own for each label.
    fileprivate func writeDetails(to text: inout JSONText) {
        text.name("decisions")
        text.object { text in
            for kind in RecentDecisions.Kind.allCases {
                text.member(kind.rawValue, .integer(Int64(self[kind.counter])))
            }
        }
        text.name("failures")
        text.object { text in
            for label in MetricsLabels.failures where self["failures.\(label)"] > 0 {
                text.member(label, .integer(Int64(self["failures.\(label)"])))
            }
        }
        text.name("responses")
        text.object { text in
            for status in MetricsLabels.statuses.sorted() where self["responses.\(status)"] > 0 {
                text.member("\(status)", .integer(Int64(self["responses.\(status)"])))
            }
        }
        text.name("latency")
        text.object { text in
            for cache in ["hit", "miss", "stale"] {
                text.name(cache)
                text.object { writeLatency(of: "time.\(cache)", to: &$0) }
            }
        }
        text.name("fetchedSizes")
        text.array { text in for count in buckets(of: "size.fetched") { text.value(.integer(Int64(count))) } }
    }

    /// Percentiles in milliseconds since the counting began, and the buckets, from which those of any time can be made.
    private func writeLatency(of histogram: String, to text: inout JSONText) {
        for (name, rank) in [("p50", 0.5), ("p90", 0.9), ("p99", 0.99)] {
            let value = quantile(rank, of: histogram, .time)
            text.member(name, value.map { .number(($0).rounded() / 1000) } ?? .null)
        }
        text.name("counts")
        text.array { text in for count in buckets(of: histogram) { text.value(.integer(Int64(count))) } }
    }
}

extension CacheStore {
    /// Which of them it is, in a word.
    fileprivate var kind: String {
        switch self {
        case .redis: "redis"
        case .directory: "folder"
        case .off: "off"
        }
    }
}

extension CacheServer {
    fileprivate func write(to text: inout JSONText) {
        text.member("usedMemory", .integer(Int64(usedMemory)))
        text.member("peakMemory", .integer(Int64(peakMemory)))
        text.member("maxMemory", .integer(Int64(maximumMemory)))
        text.member("evictionPolicy", .string(evictionPolicy))
        text.member("evictedKeys", .integer(Int64(evictedKeys)))
        text.member("expiredKeys", .integer(Int64(expiredKeys)))
    }
}

extension RecentDecisions.Decision {
    fileprivate func write(to text: inout JSONText) {
        text.object { text in
            text.member("time", .integer(time))
            text.member("decision", .string(kind.rawValue))
            text.member("size", .integer(Int64(size)))
            text.member("type", .string(type))
            text.member("url", .string(url))
            text.member("reason", reason.map { .string($0) } ?? .null)
        }
    }
}
