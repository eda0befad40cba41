import Glibc
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

        func run() throws(RedisError) {
            let fails = state.withLock { state in
                state.count += 1
                return state.count <= state.failures
            }
            if fails { throw .closed }
        }
    }

    private func health(_ probe: Probe = Probe(failures: 0)) -> RedisHealth {
        RedisHealth(logger: Samples.silent) { () throws(RedisError) in try probe.run() }
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

    @Test func nothingIsAskedUnlessSomebodyWantsToKnow() {
        let probe = Probe(failures: 0)
        let health = health(probe)
        for _ in 0..<10 { health.failed(.closed) }
        #expect(probe.count == 0)
    }
}
