import FastCGI

/// Tells workers that get on from those that are stuck, one tick of a clock after another.
///
/// A worker is stuck when it has been at the same thing, without a step, for longer than every limit of ours allows: origins,
/// clients and Redis all have one, so none of them can be the reason. A slow client is not: it takes a step with each piece.
struct WorkerWatch {
    /// How long a step may take, by what a worker is at.
    struct Limits {
        var request: Duration
        var fetch: Duration
    }

    /// What a tick has shown.
    struct Finding: Equatable {
        /// Workers that are stuck now and were not before.
        var stuck: [Int] = []
        /// Whether there is a worker that is busy, and not stuck.
        var isAnyBusy = false
    }

    private let limits: Limits
    private var seen: [(count: Int, age: Duration, isStuck: Bool)]

    init(workers: Int, limits: Limits) {
        self.limits = limits
        seen = Array(repeating: (0, .zero, false), count: workers)
    }

    /// The pulses as they are now, `elapsed` after the last time.
    mutating func tick(_ pulses: [WorkerPulse], after elapsed: Duration) -> Finding {
        var finding = Finding()
        for (index, pulse) in pulses.enumerated() where index < seen.count {
            let (count, kind) = (pulse.count, pulse.activity.kind)
            guard kind != .idle, seen[index].count == count else {
                seen[index] = (count, .zero, false)
                if kind != .idle { finding.isAnyBusy = true }
                continue
            }
            seen[index].age += elapsed
            guard seen[index].age >= (kind == .fetch ? limits.fetch : limits.request) else {
                finding.isAnyBusy = true
                continue
            }
            if !seen[index].isStuck { finding.stuck.append(index) }
            seen[index].isStuck = true
        }
        return finding
    }
}
