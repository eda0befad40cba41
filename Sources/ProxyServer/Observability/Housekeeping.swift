internal import Dispatch
import Logging
import Synchronization

/// What a process that stays does once a second, off every request's path: it adds what it has counted to what its host
/// has, and sees to the count of what is in the cache. A walk through the cache may take long, so each has its thread.
///
/// Sendable: timers are made to be shared; what was published is behind a lock.
final class Housekeeping: Sendable {
    private let cache: any CacheTier
    private let metrics: Metrics
    private let published = Mutex<MetricsReading>(MetricsReading())
    private let timers = Mutex<[any DispatchSourceTimer]>([])
    private let isStopping = Atomic<Bool>(false)

    init(cache: any CacheTier, metrics: Metrics) {
        self.cache = cache
        self.metrics = metrics
    }

    func start() {
        timers.withLock { timers in
            timers = [
                Self.everySecond("image-proxy.counts") { [self] in publish() },
                Self.everySecond("image-proxy.census") { [self] in
                    cache.keepCount { self.isStopping.load(ordering: .relaxed) }
                },
            ]
        }
    }

    /// Ends it, and publishes what is left.
    func stop() {
        isStopping.store(true, ordering: .relaxed)
        timers.withLock { timers in
            for timer in timers { timer.cancel() }
            timers = []
        }
        publish()
    }

    /// Adds what was counted since the last time. What Redis did not take is added next time; where it took it and could
    /// not say so, it counts twice.
    func publish() {
        published.withLock { published in
            let reading = metrics.reading
            let counts = reading.since(published)
            guard !counts.isEmpty, cache.isAvailable else { return }
            do { try cache.publish(counts, of: HostName.text) } catch { return }
            published = reading
        }
    }

    private static func everySecond(_ label: String, _ body: @escaping @Sendable () -> Void) -> any DispatchSourceTimer
    {
        let timer = DispatchSource.makeTimerSource(queue: DispatchQueue(label: label))
        timer.schedule(deadline: .now() + .milliseconds(100), repeating: .seconds(1), leeway: .milliseconds(100))
        timer.setEventHandler(handler: body)
        timer.resume()
        return timer
    }
}
