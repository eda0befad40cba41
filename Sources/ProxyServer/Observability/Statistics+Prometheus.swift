import ProxyCore

extension Statistics {
    /// Whose counters `P/metrics` shows: those of the process that answers, or the sums in Redis, which it takes where
    /// several processes answer in turn. Gauges are always those of the moment and of the process.
    enum Scope: String { case process, host, all }

    /// The metrics in Prometheus' text format; nil when the counters of `scope` cannot be had: a scrape that fails is
    /// better than counters that seem to begin anew.
    func prometheus(_ scope: Scope) -> [UInt8]? {
        let snapshot = snapshot(withHosts: scope != .process)
        let counts: MetricsReading
        switch scope {
        case .process: counts = snapshot.counts
        case .host, .all:
            guard let hosts = snapshot.hosts else { return nil }
            counts = hosts.filter { scope == .all || $0.host == HostName.text }.reduce(MetricsReading()) {
                $0 + $1.counts
            }
        }
        var text = PrometheusText()
        Self.counters(counts, &text)
        Self.histograms(counts, &text)
        gauges(snapshot, &text)
        if let overview = snapshot.overview {
            Self.cacheGauges(overview, &text)
            if let server = overview.server { Self.redisMetrics(server, &text) }
            if let folder = overview.folder { Self.folderMetrics(folder, counts, &text) }
        }
        return Array(text.text.utf8)
    }

    private static func counters(_ counts: MetricsReading, _ text: inout PrometheusText) {
        text.metric("image_proxy_requests_total", .counter, "Requests by what the cache did.")
        for cache in ["hit", "miss", "stale", "none"] {
            text.sample("image_proxy_requests_total", [("cache", cache)], "\(counts.count(of: "time.\(cache)"))")
        }
        text.metric("image_proxy_responses_total", .counter, "Answers by their HTTP status; 499 is a client that left.")
        for status in MetricsLabels.statuses.sorted() {
            text.sample("image_proxy_responses_total", [("code", "\(status)")], "\(counts["responses.\(status)"])")
        }
        text.metric("image_proxy_failures_total", .counter, "Requests that failed, by what went wrong.")
        for reason in MetricsLabels.failures {
            text.sample("image_proxy_failures_total", [("reason", reason)], "\(counts["failures.\(reason)"])")
        }
        text.metric(
            "image_proxy_cache_decisions_total", .counter, "Images fetched, by what became of them for the cache.")
        for kind in RecentDecisions.Kind.allCases {
            text.sample("image_proxy_cache_decisions_total", [("decision", kind.rawValue)], "\(counts[kind.counter])")
        }
        for (name, counter, help) in plainCounters {
            text.counter(name, counts[counter], help)
        }
    }

    private static let plainCounters = [
        ("image_proxy_response_bytes_total", "bytesServed", "Bytes of bodies sent."),
        ("image_proxy_saved_bytes_total", "bytesSaved", "Bytes of hits: what origins did not have to send."),
        ("image_proxy_fetched_bytes_total", "bytesFetched", "Bytes of images read from origins."),
        ("image_proxy_stale_responses_total", "stale", "Answers with an image that was no longer fresh."),
        ("image_proxy_revalidations_total", "revalidated", "Stale images that their origin said are still good."),
        ("image_proxy_collapsed_requests_total", "collapsed", "Requests that waited for the fetch of another."),
        ("image_proxy_damaged_records_total", "damagedRecords", "Cached records that could not be used."),
        ("image_proxy_cache_failures_total", "cacheFailures", "Commands and file operations of the cache that failed."),
    ]

    private static func histograms(_ counts: MetricsReading, _ text: inout PrometheusText) {
        let requests = "image_proxy_request_duration_seconds"
        text.metric(requests, .histogram, "Time from the request to the end of its answer, by what the cache did.")
        for cache in ["hit", "miss", "stale", "none"] {
            text.histogram(requests, [("cache", cache)], counts, "time.\(cache)", .time)
        }
        let phases = "image_proxy_phase_duration_seconds"
        text.metric(phases, .histogram, "Time in each phase of a request that had it.")
        for phase in ["queue", "cache", "dns", "connect", "tls", "first_byte", "fetch"] {
            text.histogram(phases, [("phase", phase)], counts, "phase.\(phase)", .time)
        }
        text.metric("image_proxy_response_size_bytes", .histogram, "Bytes of the bodies of answers with images.")
        text.histogram("image_proxy_response_size_bytes", [], counts, "size.served", .size)
        text.metric("image_proxy_fetched_image_size_bytes", .histogram, "Bytes of images that came whole from origins.")
        text.histogram("image_proxy_fetched_image_size_bytes", [], counts, "size.fetched", .size)
    }

    private func gauges(_ snapshot: Snapshot, _ text: inout PrometheusText) {
        let process = snapshot.process
        text.metric("image_proxy_build_info", .gauge, "1, with the version.")
        text.sample("image_proxy_build_info", [("version", ProgramVersion.text)], "1")
        text.metric("image_proxy_process_start_time_seconds", .gauge, "When this process started, as Unix time.")
        text.sample(
            "image_proxy_process_start_time_seconds", [], HistogramScale.time.text(Int(process.startedAt) * 1000))
        if let memory = process.residentMemory {
            text.gauge("image_proxy_process_resident_memory_bytes", memory, "Physical memory of this process.")
        }
        text.gauge("image_proxy_store_waiting_bytes", storeBudget.usage, "Bytes of images that wait for the cache.")
        text.gauge(
            "image_proxy_cache_gate_bytes", configuration.cache.maximumSize.bytes, "The largest image that is cached.")
        if let memory = cache?.memoryUsage {
            text.gauge("image_proxy_memory_cache_bytes", memory.bytes, "Bytes of images in the memory of this process.")
            text.gauge("image_proxy_memory_cache_images", memory.entries, "Images in the memory of this process.")
        }
        text.gauge(
            "image_proxy_cache_available", snapshot.overview == nil ? 0 : 1, "Whether the cache answers: 1 or 0.")
    }

    private static func cacheGauges(_ overview: CacheOverview, _ text: inout PrometheusText) {
        // A sample has no way to say that it is an estimate: until it has been counted there is none.
        let types = overview.isEstimate ? [] : overview.statistics.types.sorted { $0.key < $1.key }
        text.metric("image_proxy_cache_images", .gauge, "Images in the cache, by media type.")
        for (type, share) in types { text.sample("image_proxy_cache_images", [("type", type)], "\(share.images)") }
        text.metric("image_proxy_cache_image_bytes", .gauge, "Bytes of the images in the cache, by media type.")
        for (type, share) in types { text.sample("image_proxy_cache_image_bytes", [("type", type)], "\(share.bytes)") }
    }

    private static func redisMetrics(_ server: CacheServer, _ text: inout PrometheusText) {
        text.gauge("image_proxy_redis_memory_used_bytes", server.usedMemory, "Memory that Redis uses.")
        text.gauge("image_proxy_redis_memory_limit_bytes", server.maximumMemory, "Its maxmemory; 0 is no limit.")
        text.counter("image_proxy_redis_evicted_keys_total", server.evictedKeys, "Keys that Redis gave up for room.")
        text.counter("image_proxy_redis_expired_keys_total", server.expiredKeys, "Keys whose time was over.")
    }

    private static func folderMetrics(_ folder: CacheFolder, _ counts: MetricsReading, _ text: inout PrometheusText) {
        text.gauge("image_proxy_folder_used_bytes", folder.usedBytes, "Bytes that the cache's folder takes up.")
        text.gauge("image_proxy_folder_limit_bytes", folder.maximumBytes, "Bytes that it may take up.")
        text.gauge("image_proxy_folder_files", folder.files, "Files of images and metadata in it.")
        if let free = folder.freeBytes {
            text.gauge("image_proxy_folder_disk_free_bytes", free, "Bytes that its disk has left.")
        }
        text.gauge(
            "image_proxy_folder_writable", folder.problem == nil ? 1 : 0, "Whether it can be written to: 1 or 0.")
        text.counter(
            "image_proxy_folder_evictions_total", counts["folderEvictions"], "Images that it gave up for room.")
    }
}
