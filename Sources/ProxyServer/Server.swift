public import FastCGI
import Glibc
public import Logging
public import ProxyCore
internal import Synchronization

/// The program behind the socket: everything that requests share, and the threads that answer them.
public final class Server: Sendable {
    let services: Services
    let handler: RequestHandler
    private let logger: Logger
    private let workers: Int
    /// Workers that may come in the place of those that all wait.
    private let reserve: Int
    let work: WorkQueue

    /// Workers that run at the same time: one a processor, and two at least, so that one that is held up holds nobody up.
    public static var runningWorkers: Int { max(2, sysconf(Int32(_SC_NPROCESSORS_ONLN))) }

    /// How many requests a worker takes at once when more are waiting: enough that going to Redis costs each of them little,
    /// few enough that none waits long for its turn.
    private static let requestsAtOnce = 8

    /// How many are started at once: each costs memory from then on, and a process that answers from its cache needs no more.
    private static var firstWorkers: Int { runningWorkers * 4 }

    /// Enough for origins to be slow in, few enough to cost nothing while they rest.
    private static var defaultWorkers: Int { min(max(64, 16 * sysconf(Int32(_SC_NPROCESSORS_ONLN))), 256) }

    /// Enough for a crowd of slow clients; each of them may hold an image in memory.
    private static let largestReserve = 128

    /// `turnstile` and `work` are the listener's: what waits for Redis or an origin lets another worker run, and what has
    /// waited goes on where one is free.
    public init(
        _ configuration: Configuration, turnstile: Turnstile = Turnstile(limit: 1), work: WorkQueue = WorkQueue(),
        memory plan: MemoryPlan = MemoryPlan(addressSpace: nil, resident: nil), logger: Logger
    ) {
        let metrics = Metrics()
        self.work = work
        let configuration = configuration.fitting(plan)
        services = Services(
            configuration, cache: Self.cache(configuration.cache, turnstile, metrics: metrics, logger: logger),
            turnstile: turnstile, work: work, metrics: metrics, logger: logger)
        workers = plan.workers(min(configuration.server.workers ?? Self.defaultWorkers, OpenFiles.workers))
        let most = workers + min(Self.largestReserve, OpenFiles.reserve(beside: workers))
        reserve = plan.workers(most) - workers
        handler = RequestHandler(services, workers: workers, memory: MemoryGuard(plan))
        self.logger = logger
    }

    private static func cache(
        _ settings: Configuration.Cache, _ turnstile: Turnstile, metrics: Metrics, logger: Logger
    ) -> (any CacheTier)? {
        switch settings.store {
        case .off: nil
        case .redis(let location):
            tiered(
                RedisTier(location, settings, turnstile: turnstile, metrics: metrics, logger: logger), settings)
        case .directory(let path):
            tiered(FileTier(path, settings, turnstile: turnstile, metrics: metrics, logger: logger), settings)
        }
    }

    private static func tiered(_ shared: some SharedTier, _ settings: Configuration.Cache) -> any CacheTier {
        guard settings.memorySize > .zero else { return shared }
        return TieredCache(
            memory: MemoryTier(limit: settings.memorySize.bytes), shared: shared,
            gatheringLimit: settings.memorySize.bytes / 4)
    }

    /// Threads of the status listener: one that waits for a slow Redis leaves another.
    private static let statusWorkers = 2

    /// Connections that the status listener keeps open: those of a few that watch.
    public static let statusConnections = 16

    /// Answers requests until the listener is stopped and what had arrived is answered. Blocks; true when everything
    /// ended within the drain timeout. The supervisor is told when requests are answered, and that they still are.
    ///
    /// On `statusListener` threads of its own answer for health and statistics, however busy the workers are, until
    /// everything else has ended.
    public func run(
        _ listener: FastCGIListener, statusListener: FastCGIListener? = nil, telling supervisor: ServiceNotifier
    ) -> Bool {
        _ = ProcessFigures.start
        services.housekeeping?.start()
        let statusCrew = statusListener.map { status in
            Crew(count: Self.statusWorkers) { [handler] in status.run { $0.forEach(handler.handleStatus) } }
        }
        defer {
            services.housekeeping?.stop()
            statusListener?.stop()
            _ = statusCrew?.wait(until: .now + .seconds(1))
        }
        return answer(listener, telling: supervisor)
    }

    private func answer(_ listener: FastCGIListener, telling supervisor: ServiceNotifier) -> Bool {
        if let reason = services.fetcher.prepare() {
            logger.error("No image can be fetched", metadata: [LogKeys.reason: "\(reason)"])
        }
        if services.signing.isRequired, let reason = LibcryptoPrimitives.prepare() {
            logger.error("No signature can be verified", metadata: [LogKeys.reason: "\(reason)"])
        }
        let pulses = (0..<workers + reserve).map { _ in WorkerPulse() }
        let watchdog = Watchdog(
            pulses, .init(services.configuration), work: work, notifier: supervisor, logger: logger)
        let unused = Mutex(pulses)
        let crew = Crew { [handler] in
            guard let pulse = unused.withLock({ $0.popLast() }) else {
                // One that leaves the reserve is about to give its own back.
                return listener.run { handler.take($0) }
            }
            listener.run(watchedBy: pulse, takingUpTo: Self.requestsAtOnce) { handler.take($0) }
            unused.withLock { $0.append(pulse) }
        }
        let first = min(workers, Self.firstWorkers)
        // Before the first begins: should all of them have to wait at once, somebody has to be called for it.
        services.turnstile.reserve.open(usual: workers, missing: workers - first, most: reserve) { crew.add() }
        defer { services.turnstile.reserve.close() }
        crew.add(first)
        guard !crew.isEmpty else {
            logger.critical("No worker can be started")
            return false
        }
        logger.notice("Ready", metadata: [LogKeys.workers: "\(workers)", "version": "\(ProgramVersion.text)"])
        supervisor.send(.ready("Serving"))
        _ = Crew(count: 1) { watchdog.run() }
        defer { watchdog.end() }
        listener.waitForStop()
        watchdog.workersLeave()
        logger.notice("Stopping")
        let deadline = ContinuousClock.now + services.configuration.server.drainTimeout
        let haveLeft = crew.wait(until: deadline)
        // What is left is run here, and by nobody who is started for it.
        services.turnstile.reserve.close()
        let isDone = haveLeft && crew.wait(until: deadline) && drain(until: deadline)
        logger.notice("Stopped", metadata: ["complete": "\(isDone)"])
        return isDone
    }

    /// Answers the one request of a CGI process, then ends what is left to do for the cache.
    public func run(_ request: CGIRequest) {
        _ = ProcessFigures.start
        handler.handle(request)
        let deadline = ContinuousClock.now + services.configuration.server.drainTimeout
        _ = drain(until: deadline)
        services.housekeeping?.publish()
        // Who is asked for statistics counts, since no other process stays to do it. The answer has gone out already.
        if let cache = services.cache, cache.wantsCount { cache.keepCount { .now >= deadline } }
    }

    /// Ends what is left when nobody waits for requests any more: the cache's work, and the requests that it lets go on.
    private func drain(until deadline: ContinuousClock.Instant) -> Bool {
        repeat {
            while work.runNext() {}
            guard services.storeQueue.drain(until: deadline) else { return false }
        } while work.runNext()
        return true
    }
}

extension Configuration {
    /// With no more memory for caches than there is.
    fileprivate func fitting(_ plan: MemoryPlan) -> Configuration {
        var fitting = self
        fitting.cache.memorySize = ByteCount(plan.memoryCache(cache.memorySize.bytes))
        fitting.cache.storeBudget = ByteCount(plan.storeBudget(cache.storeBudget.bytes))
        return fitting
    }
}
