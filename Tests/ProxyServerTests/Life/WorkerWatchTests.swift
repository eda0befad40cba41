import FastCGI
import Testing

@testable import ProxyServer

@Suite struct WorkerWatchTests {
    private static let limits = WorkerWatch.Limits(request: .seconds(10), fetch: .seconds(30))

    /// One worker at something, looked at once and then `ticks` times, five seconds apart.
    private func findings(_ kind: WorkerPulse.Activity.Kind, ticks: Int, beats: Bool = false) -> [WorkerWatch.Finding] {
        var watch = WorkerWatch(workers: 1, limits: Self.limits)
        let pulse = WorkerPulse()
        if kind != .idle { pulse.begin(.init(kind)) }
        _ = watch.tick([pulse], after: .seconds(5))
        return (0..<ticks).map { _ in
            if beats { pulse.beat() }
            return watch.tick([pulse], after: .seconds(5))
        }
    }

    @Test(
        "a worker without a step is stuck past the limit of what it is at, and that is news once",
        arguments: [(WorkerPulse.Activity.Kind.request, 2), (.fetch, 6)])
    func stuck(_ kind: WorkerPulse.Activity.Kind, _ limit: Int) {
        let found = findings(kind, ticks: limit + 3)
        #expect(found.prefix(limit - 1).allSatisfy { $0 == .init(stuck: [], isAnyBusy: true) })
        #expect(found[limit - 1] == .init(stuck: [0], isAnyBusy: false))
        #expect(found.dropFirst(limit).allSatisfy { $0 == .init(stuck: [], isAnyBusy: false) })
    }

    @Test func oneThatIsSlowIsNotStuck() {
        #expect(findings(.request, ticks: 50, beats: true).allSatisfy { $0 == .init(stuck: [], isAnyBusy: true) })
    }

    @Test func oneThatRestsIsNotStuck() {
        #expect(findings(.idle, ticks: 50).allSatisfy { $0 == .init() })
    }

    @Test func oneThatGetsOnAgainCanBeStuckAgain() {
        var watch = WorkerWatch(workers: 1, limits: Self.limits)
        let pulse = WorkerPulse()
        for _ in 0..<2 {
            pulse.begin(.init(.request))
            let news = (0..<4).flatMap { _ in watch.tick([pulse], after: .seconds(5)).stuck }
            #expect(news == [0])
        }
    }

    @Test func oneThatIsStuckDoesNotHideTheOthers() {
        var watch = WorkerWatch(workers: 3, limits: Self.limits)
        let pulses = (0..<3).map { _ in WorkerPulse() }
        pulses[1].begin(.init(.request))
        pulses[2].begin(.init(.fetch))
        let found = (0..<7).map { _ in watch.tick(pulses, after: .seconds(5)) }
        #expect(found.map(\.stuck) == [[], [], [1], [], [], [], [2]])
        #expect(found.map(\.isAnyBusy) == [true, true, true, true, true, true, false])
    }
}
