import Dispatch
import FastCGI
import Foundation
import ProxyCore
import Synchronization

@testable import ProxyServer

/// A clock that stands still until it is set. Unix milliseconds.
final class TestClock: Sendable {
    private let state: Mutex<Int64>

    init(_ now: Int64 = 1_700_000_000_000) { state = Mutex(now) }

    var now: Int64 {
        get { state.withLock { $0 } }
        set { state.withLock { $0 = newValue } }
    }
}

/// A handler over a cache in memory. Requests that fetch are run on threads of their own, and what waits for work is run
/// by the test when it likes to.
final class FetchBench {
    let tier = TierDouble()
    let metrics = Metrics()
    let clock = TestClock()
    let handler: RequestHandler
    private let work = WorkQueue()
    private let threads = DispatchGroup()

    init(cached: Bool = true, workers: Int = 16, _ adjust: (inout Configuration) -> Void = { _ in }) {
        var configuration = Samples.configuration
        configuration.fetch.firstByteTimeout = .seconds(60)
        configuration.fetch.stallTimeout = .seconds(60)
        adjust(&configuration)
        handler = RequestHandler(
            Services(
                configuration, cache: cached ? tier : nil, turnstile: Turnstile(limit: 64), work: work,
                metrics: metrics, logger: Samples.silent, clock: { [clock] in clock.now }),
            workers: workers)
    }

    var fetches: CollapsedFetches { handler.fetches }
    var services: Services { handler.services }

    /// A request for `url`, handled on a thread of its own.
    func start(_ url: String, method: String = "GET", _ more: [String: String] = [:]) -> MemoryRequest {
        let request = MemoryRequest("url=\(url)", method: method, more)
        start(request)
        return request
    }

    func start(_ request: MemoryRequest) {
        threads.enter()
        Thread.detachNewThread { [handler, threads] in
            handler.handle(request)
            threads.leave()
        }
    }

    /// A request for `url`, handled here: it must not have to wait for anything that the test has yet to do.
    @discardableResult
    func handle(_ url: String, method: String = "GET", _ more: [String: String] = [:]) -> MemoryRequest {
        let request = MemoryRequest("url=\(url)", method: method, more)
        handler.handle(request)
        return request
    }

    /// Ends everything that is under way; false when something does not end, or has left something behind.
    func settle() -> Bool {
        guard threads.wait(timeout: .now() + .seconds(60)) == .success else { return false }
        repeat {
            while work.runNext() {}
            guard services.storeQueue.drain(until: .now + .seconds(60)) else { return false }
        } while work.runNext()
        return fetches.count == 0 && fetches.waitingCount == 0 && services.storeBudget.usage == 0
    }

    /// Runs the oldest work that waits.
    func runNext() -> Bool { work.runNext() }

    /// Puts an image into the cache that has `left` seconds to live.
    func keep(
        _ bytes: [UInt8], of url: String, left: Int, whileRevalidate: Int = 0, ifError: Int = 0, etag: String? = "\"a\""
    ) {
        let stored = StoredResponse(
            validators: Validators(etag: etag.flatMap { EntityTag($0) }), generatedAt: clock.now - 3_600_000,
            freshUntil: clock.now + Int64(left) * 1000, staleWhileRevalidate: whileRevalidate, staleIfError: ifError)
        tier[url] = TierDouble.Entry(
            type: .png, bytes: bytes, cachedAt: stored.generatedAt, expiresAt: stored.freshUntil, extra: stored.extra)
    }
}
