import FastCGI
import Glibc
import Testing

@testable import ProxyServer

@Suite struct WatchdogTests {
    private let supervisor = SupervisorDouble()
    private let log = LogDouble()
    private let work = WorkQueue()
    private let pulses = [WorkerPulse(), WorkerPulse()]

    /// Its ticks are five seconds long: nobody asks for more.
    private func watchdog() -> Watchdog {
        Watchdog(
            pulses, .init(request: .seconds(60), fetch: .seconds(120)), work: work,
            notifier: ServiceNotifier(connected: supervisor.sending), logger: log.logger)
    }

    @Test func workThatIsDoneIsASignOfLife() {
        let watchdog = watchdog()
        for tick in 1...20 {
            watchdog.tick()
            #expect(work.runNext())
            #expect(supervisor.received().count == 1, "tick \(tick)")
        }
        #expect(log.messages.isEmpty)
    }

    @Test func idleWorkersThatDoNotTakeUpWorkAreNone() {
        let watchdog = watchdog()
        for _ in 0..<20 { watchdog.tick() }
        // The first tick puts the work there, and it may wait for 30 seconds.
        #expect(supervisor.received().count == 6)
        #expect(log.messages == ["critical: No worker gets on"])
        #expect(work.runNext())
        watchdog.tick()
        #expect(supervisor.received() == ["WATCHDOG=1"], "it recovers")
    }

    @Test func workersThatAllWaitForSlowOriginsAreFine() {
        let watchdog = watchdog()
        for pulse in pulses { pulse.begin(.init(.fetch, request: "1", host: "slow.example")) }
        for _ in 0..<24 { watchdog.tick() }
        #expect(supervisor.received().count == 24)
        #expect(log.messages.isEmpty)
    }

    @Test func workersThatAreAllStuckAreToldOneByOneAndFeedNothing() {
        let watchdog = watchdog()
        pulses[0].begin(.init(.fetch, request: "a1", host: "slow.example"))
        pulses[1].begin(.init(.request))
        for _ in 0..<40 { watchdog.tick() }
        #expect(
            log.messages == [
                "error: A worker is stuck activity=request",
                "error: A worker is stuck activity=fetch request.id=a1 source.host=slow.example",
                "critical: No worker gets on",
            ])
        #expect(supervisor.received().count == 24)
    }

    @Test func aStopIsNoReasonToBeEnded() {
        let watchdog = watchdog()
        watchdog.workersLeave()
        for _ in 0..<20 { watchdog.tick() }
        #expect(supervisor.received().count == 20)
    }
}

/// Both ends of the line to a supervisor.
private final class SupervisorDouble: Sendable {
    let sending: Int32
    private let receiving: Int32

    init() {
        var ends: [Int32] = [-1, -1]
        unsafe socketpair(AF_UNIX, Int32(SOCK_SEQPACKET.rawValue), 0, &ends)
        (sending, receiving) = (ends[0], ends[1])
    }

    deinit {
        close(sending)
        close(receiving)
    }

    /// What has come since the last time.
    func received() -> [String] {
        var messages: [String] = []
        var buffer = [UInt8](repeating: 0, count: 512)
        while true {
            let count = unsafe recv(receiving, &buffer, buffer.count, Int32(MSG_DONTWAIT))
            guard count > 0 else { return messages }
            messages.append(String(decoding: buffer[..<count], as: UTF8.self))
        }
    }
}
