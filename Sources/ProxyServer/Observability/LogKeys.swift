/// The keys of structured log metadata. They are API: dashboards and alerts are built on them.
enum LogKeys {
    static let requestID = "request.id"
    static let method = "http.method"
    static let status = "http.status"
    static let bytes = "http.bytes"
    static let cacheStatus = "cache.status"
    static let sourceHost = "source.host"
    static let reason = "reason"
    static let total = "time.total_ms"
    static let queue = "time.queue_ms"
    static let cache = "time.cache_ms"
    static let dns = "time.dns_ms"
    static let connect = "time.connect_ms"
    static let tls = "time.tls_ms"
    static let firstByte = "time.first_byte_ms"
    static let fetch = "time.fetch_ms"
    static let suppressed = "suppressed"
    static let workers = "workers"
    static let activity = "activity"
    // These three are shared with the application whose log lines monitoring knows already.
    static let url = "url"
    static let size = "size"
    static let sizeMB = "sizeMB"

    /// Those whose values are numbers. A request identifier is none, even where it has no letter in it.
    static let numbers: Set<String> = [
        status, bytes, total, queue, cache, dns, connect, tls, firstByte, fetch, size, sizeMB, suppressed, workers,
    ]
}
