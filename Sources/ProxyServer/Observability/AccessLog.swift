import Logging
import ProxyCore
import Synchronization

/// What one request comes to in the log and the counters.
struct AccessRecord {
    let requestID: String
    let method: String
    let start = ContinuousClock.now
    var host: SourceURL.Host?
    var status = 0
    var bytes = 0
    var cacheStatus = CacheStatus.none
    var reason: String?
    /// The error is one that the cache knew of.
    var isAnsweredByCache = false
    /// What was asked for, once it has been read.
    var urlText: String?
    /// How long it waited for a worker that may fetch.
    var queueTime: Duration?
    var cacheTime: Duration?
    var fetchTime: Duration?
    var fetch: FetchTimings?
}

/// One line a request, whatever its end.
struct AccessLog: Sendable {
    let logger: Logger
    let metrics: Metrics

    func record(_ record: AccessRecord) {
        let total = ContinuousClock.now - record.start
        metrics.count(record, total: total)
        guard logger.logLevel <= .info else { return }
        var metadata: Logger.Metadata = [
            LogKeys.requestID: .string(record.requestID),
            LogKeys.method: .string(record.method),
            LogKeys.status: .string(String(record.status)),
            LogKeys.bytes: .string(String(record.bytes)),
            LogKeys.cacheStatus: .string(record.cacheStatus.logValue),
            LogKeys.total: .string(total.millisecondsText),
        ]
        if let host = record.host { metadata[LogKeys.sourceHost] = .string(host.description) }
        if let reason = record.reason { metadata[LogKeys.reason] = .string(reason) }
        func add(_ key: String, _ time: Duration?) {
            if let time { metadata[key] = .string(time.millisecondsText) }
        }
        add(LogKeys.queue, record.queueTime)
        add(LogKeys.cache, record.cacheTime)
        add(LogKeys.fetch, record.fetchTime)
        add(LogKeys.dns, record.fetch?.nameLookup)
        add(LogKeys.connect, record.fetch?.connect)
        add(LogKeys.tls, record.fetch?.tls)
        add(LogKeys.firstByte, record.fetch?.firstByte)
        logger.info("request finished", metadata: metadata)
    }
}

/// Lets one event a second pass, and says how many it kept back: for warnings that a flood of requests would repeat.
final class LogThrottle: Sendable {
    private let state = Mutex<(last: ContinuousClock.Instant?, suppressed: Int)>((nil, 0))

    /// The number of events kept back since the last that passed, or nil when this one is to be kept back too.
    func pass() -> Int? {
        state.withLock { state in
            let now = ContinuousClock.now
            if let last = state.last, now - last < .seconds(1) {
                state.suppressed += 1
                return nil
            }
            defer { state = (now, 0) }
            return state.suppressed
        }
    }
}
