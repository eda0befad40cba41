internal import Dispatch
import FastCGI
import Logging
import ProxyCore
import Synchronization

/// Watches the workers from a thread of its own. Says which is stuck, and tells the supervisor that all is well for as long
/// as the process as a whole gets on, so that one that does not is started again.
///
/// The whole gets on as long as the workers take up what is to be done, for which they are given a little work now and
/// then, or are busy and not stuck: with few workers all may wait for slow origins.
final class Watchdog: Sendable {
    private let pulses: [WorkerPulse]
    private let work: WorkQueue
    private let notifier: ServiceNotifier
    private let logger: Logger
    private let interval: Duration
    private let state: Mutex<State>
    private let isEnding = Atomic<Bool>(false)
    private let ended = DispatchSemaphore(value: 0)

    private struct State {
        var watch: WorkerWatch
        /// How long the last piece of work has waited; nil when it was done.
        var probe: Duration?
        var isHung = false
    }

    private static let longestInterval = Duration.seconds(5)
    /// How long work may wait on a machine that is very busy.
    private static let probePatience = Duration.seconds(30)

    init(
        _ pulses: [WorkerPulse], _ limits: WorkerWatch.Limits, work: WorkQueue, notifier: ServiceNotifier,
        logger: Logger
    ) {
        self.pulses = pulses
        self.work = work
        self.notifier = notifier
        self.logger = logger
        // As often as sd_watchdog_enabled(3) asks for, and once more.
        let asked = notifier.watchdogInterval.map { max(.milliseconds(1), $0 / 3) }
        interval = min(Self.longestInterval, asked ?? Self.longestInterval)
        state = Mutex(State(watch: WorkerWatch(workers: pulses.count, limits: limits)))
    }

    /// Watches until `end()` is called; for one thread.
    func run() {
        while ended.wait(timeout: .now() + .milliseconds(interval.wholeMilliseconds)) == .timedOut { tick() }
    }

    /// Workers leave from now on, within a time that is limited otherwise.
    func workersLeave() { isEnding.store(true, ordering: .relaxed) }

    func end() { ended.signal() }

    /// Looks at everything once.
    func tick() {
        guard !isEnding.load(ordering: .relaxed) else { return notifier.send(.watchdog) }
        let (finding, isProbing, isHung, isNews) = state.withLock { state in
            let finding = state.watch.tick(pulses, after: interval)
            let isProbing = state.probe != nil
            state.probe = (state.probe ?? .zero) + (isProbing ? interval : .zero)
            let isHung = (state.probe ?? .zero) >= Self.probePatience && !finding.isAnyBusy
            defer { state.isHung = isHung }
            return (finding, isProbing, isHung, isHung && !state.isHung)
        }
        if !isProbing { work.add { [weak self] in self?.state.withLock { $0.probe = nil } } }
        for index in finding.stuck { report(pulses[index].activity) }
        if isNews { logger.critical("No worker gets on") }
        if !isHung { notifier.send(.watchdog) }
    }

    private func report(_ activity: WorkerPulse.Activity) {
        var metadata: Logger.Metadata = [LogKeys.activity: "\(activity.kind.rawValue)"]
        if !activity.request.isEmpty { metadata[LogKeys.requestID] = "\(activity.request)" }
        if !activity.host.isEmpty { metadata[LogKeys.sourceHost] = "\(activity.host)" }
        logger.error("A worker is stuck", metadata: metadata)
    }
}

extension WorkerWatch.Limits {
    /// Longer than anything may take that is limited itself.
    init(_ configuration: Configuration) {
        // One wait for the web server, one that had begun before, and a few for the cache.
        request = FastCGIRequest.patience * 2 + configuration.cache.timeout * 4
        fetch = Forwarding.patience + configuration.fetch.totalTimeout + request
    }
}
