import Glibc
import Logging
import Redis
import Synchronization
import Testing

@testable import ProxyServer

@Suite struct RedisHealthTests {
    /// Counts probes, and fails as many as it is told to.
    private final class Probe: Sendable {
        private let state: Mutex<(count: Int, failures: Int)>

        init(failures: Int) { state = Mutex((0, failures)) }

        var count: Int { state.withLock { $0.count } }

        /// Lets the next one fail.
        func fail() { state.withLock { $0.failures = $0.count + 1 } }

        func run() throws(RedisError) {
            let fails = state.withLock { state in
                state.count += 1
                return state.count <= state.failures
            }
            if fails { throw .closed }
        }
    }

    private func health(_ probe: Probe = Probe(failures: 0), logger: Logger = Samples.silent) -> RedisHealth {
        RedisHealth(logger: logger) { () throws(RedisError) in try probe.run() }
    }

    /// Asks until the answer is yes. The pauses of a circuit that is open are a second or so.
    private func waitUntil(_ condition: () -> Bool) { while !condition() { usleep(1000) } }

    static let serverFailures: [RedisError] = [
        .closed, .timedOut, .protocolViolation, .connectionFailed("refused"),
        .refused(code: "LOADING", message: "LOADING"), .refused(code: "NOAUTH", message: "NOAUTH"),
    ]

    @Test("a failure of the server keeps everybody from asking", arguments: serverFailures)
    func opens(_ error: RedisError) {
        let health = health()
        #expect(health.permitsReads() && health.permitsWrites() && health.isAvailable)
        health.failed(error)
        #expect(!health.permitsReads())
        #expect(!health.permitsWrites())
        #expect(!health.isAvailable)
    }

    @Test(
        "a failure of one value says nothing of the server",
        arguments: [
            RedisError.tooLarge, .overwritten, .lengthMismatch, .refused(code: "WRONGTYPE", message: "WRONGTYPE"),
        ]) func ignores(_ error: RedisError)
    {
        let health = health()
        health.failed(error)
        #expect(health.permitsReads() && health.permitsWrites() && health.isAvailable)
    }

    @Test("refused writes stop writes alone, for a moment", arguments: ["OOM", "READONLY", "MISCONF", "NOREPLICAS"])
    func stopsWrites(_ code: String) {
        let health = health()
        health.failed(.refused(code: code, message: code))
        #expect(!health.permitsWrites())
        #expect(health.permitsReads() && health.isAvailable)
        waitUntil { health.permitsWrites() }
    }

    @Test func theFirstProbeThatSucceedsClosesIt() {
        let probe = Probe(failures: 0)
        let health = health(probe)
        health.failed(.closed)
        waitUntil { health.permitsReads() }
        #expect(probe.count == 1)
        #expect(health.isAvailable && health.permitsWrites())
    }

    @Test func aProbeThatFailsKeepsItOpen() {
        let probe = Probe(failures: 1)
        let health = health(probe)
        health.failed(.closed)
        waitUntil {
            #expect(probe.count > 1 || !health.isAvailable)
            return health.permitsReads()
        }
        #expect(probe.count == 2)
    }

    @Test func whatAnswersProbesAndFailsAgainIsAskedLessAndLess() {
        let health = health()
        var pauses: [Duration] = []
        for _ in 0..<3 {
            health.failed(.timedOut)
            let start = ContinuousClock.now
            waitUntil { health.permitsReads() }
            pauses.append(.now - start)
        }
        // A pause may be longer than it should on a busy machine, and is never shorter.
        for (pause, least) in zip(pauses, [500, 1000, 2000]) { #expect(pause >= .milliseconds(least)) }
    }

    @Test func whatAnswersProbesAndFailsAgainIsSaidOnce() {
        let log = LogDouble()
        let health = health(logger: log.logger)
        for _ in 0..<3 {
            health.failed(.timedOut)
            waitUntil { health.permitsReads() }
        }
        #expect(log.messages == Self.lines(.timedOut))
    }

    @Test func whatStaysAwayIsSaidHoweverShortlyAfterTheLastTime() {
        let log = LogDouble()
        let probe = Probe(failures: 0)
        let health = health(probe, logger: log.logger)
        health.failed(.timedOut)
        waitUntil { health.permitsReads() && log.messages.count == 2 }
        probe.fail()
        health.failed(.timedOut)
        waitUntil { health.permitsReads() && log.messages.count == 4 }
        #expect(log.messages == Self.lines(.timedOut) + Self.lines(.closed))
    }

    private static func lines(_ error: RedisError) -> [String] {
        ["warning: Redis is away; images are served without the cache reason=\(error)", "notice: Redis is back"]
    }

    @Test func whoMayNotWriteMayRead() {
        let health = health()
        let error = RedisError.refused(code: "NOPERM", message: "NOPERM")
        health.failedToWrite(error)
        #expect(!health.permitsWrites() && health.writeProblem == "NOPERM")
        #expect(health.permitsReads() && health.isAvailable)
        health.failed(error)
        #expect(!health.permitsReads())
    }

    @Test func aProbeThatFindsAnOddValueHasFoundAServer() {
        let health = RedisHealth(logger: Samples.silent) { () throws(RedisError) in throw .tooLarge }
        health.failed(.closed)
        waitUntil { health.permitsReads() }
        #expect(health.isAvailable)
    }

    @Test func nothingIsAskedUnlessSomebodyWantsToKnow() {
        let probe = Probe(failures: 0)
        let health = health(probe)
        for _ in 0..<10 { health.failed(.closed) }
        #expect(probe.count == 0)
    }
}
