import FastCGI
import Glibc
public import Logging
public import ProxyCore
import Synchronization

/// What became of one image that was to be brought into the cache.
public enum WarmOutcome: Sendable, Equatable {
    /// It was there, and is fresh.
    case fresh
    /// It is there now; its size in bytes.
    case kept(Int)
    /// Its origin sent it, and it is not to be kept: for its size, or by the origin's word.
    case notKept
    /// The reason, as the log of the server has it.
    case failed(String)
}

/// Brings images into the cache, by the same policy, gate, leases and limits by which the server would fetch them. Who
/// can run it needs no signature.
///
/// Sendable: the server is, and what counts is behind locks.
public final class Warmer: Sendable {
    private let server: Server
    private let cache: CacheOperator
    private let concurrency: Int

    /// The most images that are fetched at once.
    public static let mostConcurrent = 64

    /// Throws where no cache is configured.
    public init(_ configuration: Configuration, concurrency: Int, logger: Logger) throws(CacheFailure) {
        var configuration = configuration
        let concurrency = max(1, min(concurrency, Self.mostConcurrent, OpenFiles.workers / 2))
        // An eighth of the workers never fetches, and every fetch here has its thread already.
        configuration.server.workers = 2 * concurrency
        configuration.cache.memorySize = .zero
        let largest = configuration.cache.maximumSize.bytes + 2 * configuration.cache.chunkSize.bytes
        configuration.cache.storeBudget = max(configuration.cache.storeBudget, ByteCount(concurrency * largest))
        self.concurrency = concurrency
        cache = try CacheOperator(configuration, logger: logger)
        server = Server(configuration, logger: logger)
    }

    /// Warms the images of `urls`, which are all different, at most `rate` a second. Blocks until all are done, or those that
    /// were begun when it was stopped. `ended` is called by several threads.
    public func run(
        _ urls: [String], rate: Double?, isStopped: @escaping @Sendable () -> Bool,
        ended: @escaping @Sendable (String, WarmOutcome) -> Void
    ) {
        let next = Mutex(0)
        let pace = Pace(rate)
        let loop: @Sendable () -> Void = { [self] in
            while !isStopped() {
                let index = next.withLock { next in
                    next += 1
                    return next - 1
                }
                guard index < urls.count, let outcome = warm(urls[index], pace, isStopped) else { return }
                ended(urls[index], outcome)
            }
        }
        let crew = Crew(count: concurrency, loop)
        if crew.isEmpty { loop() }
        _ = crew.wait(until: .now + .seconds(Self.longestRun))
    }

    /// Ten years, in seconds.
    private static let longestRun = 10 * 366 * 24 * 60 * 60

    /// Nil when it was stopped before it began.
    private func warm(_ urlText: String, _ pace: Pace, _ isStopped: () -> Bool) -> WarmOutcome? {
        let before: CacheState?
        do { before = try cache.state(of: urlText) } catch { return .failed("cache: \(error)") }
        if before?.isFresh == true { return .fresh }
        guard pace.wait(isStopped) else { return nil }
        let end = ask(urlText)
        guard end.reason == nil else { return .failed(end.reason ?? "") }
        _ = server.services.storeQueue.drain(until: .now + server.services.configuration.server.drainTimeout)
        do {
            guard let after = try cache.state(of: urlText) else { return .notKept }
            return after.isFresh || after.fingerprint != before?.fingerprint
                ? .kept(after.size) : .failed("still-stale")
        } catch {
            return .failed("cache: \(error)")
        }
    }

    private func ask(_ urlText: String) -> WarmRequest.End {
        let request = WarmRequest()
        let exchange = Exchange(request)
        request.exchange = exchange
        server.handler.handle(exchange, for: urlText)
        // What waited for something goes on with whoever has time for it.
        while true {
            if let end = request.end { return end }
            if !server.work.runNext() { usleep(1000) }
        }
    }
}

/// What the end of a record tells: enough to know whether there is anything to be done.
struct CacheState {
    let isFresh: Bool
    let size: Int
    let fingerprint: RecordFingerprint
}

/// A request that nobody reads the response to.
///
/// Ended by one thread and asked about its end by another, so what tells is behind a lock; everything else belongs to the
/// thread that answers it.
private final class WarmRequest: GatewayRequest {
    struct End: Sendable {
        /// Nil where the image came whole.
        let reason: String?
    }

    /// Set once, before the request is handed on.
    weak var exchange: Exchange?
    private let ending = Mutex<End?>(nil)

    var end: End? { ending.withLock { $0 } }

    func param(_ name: String) -> String? { name == "REQUEST_METHOD" ? "GET" : nil }
    func write(_ head: RawSpan, _ body: RawSpan, isLast: Bool) throws(GatewayError) {}
    func finish() { end(exchange?.record.reason) }
    func abort() { end(exchange?.record.reason ?? "cut") }
    var isPeerGone: Bool { false }
    var isWritable: Bool { true }
    var watchedDescriptor: Int32? { nil }
    var canShowAbort: Bool { true }

    private func end(_ reason: String?) { ending.withLock { $0 = End(reason: reason) } }
}

/// Spreads what is begun over time.
private final class Pace: Sendable {
    private let interval: Duration
    private let next = Mutex(ContinuousClock.now)

    private static let longestNap = Duration.milliseconds(50)

    init(_ rate: Double?) { interval = rate.map { .seconds(1 / $0) } ?? .zero }

    /// Waits for its turn; false when it was stopped meanwhile.
    func wait(_ isStopped: () -> Bool) -> Bool {
        guard interval > .zero else { return true }
        let turn = next.withLock { next in
            let turn = max(next, .now)
            next = turn + interval
            return turn
        }
        while case let left = turn - .now, left > .zero {
            if isStopped() { return false }
            usleep(useconds_t(clamping: min(left, Self.longestNap).wholeMilliseconds * 1000 + 1000))
        }
        return !isStopped()
    }
}
