import ProxyCore
import ProxyServer
import Synchronization

/// Counts what becomes of the images, and shows it as it happens.
///
/// Sendable: the counts are behind a lock.
final class WarmTally: Sendable {
    struct Failure: Sendable {
        let url: String
        let reason: String
    }

    struct Summary: Sendable {
        let images: Int
        let ignored: Int
        /// Done in an earlier run.
        let skipped: Int
        var kept = 0
        var keptBytes = 0
        var fresh = 0
        var notKept = 0
        var failed = 0
        /// The first of those that failed.
        var failures: [Failure] = []

        /// Sitemaps among what failed.
        var failedSitemaps = 0

        var done: Int { skipped + kept + fresh + notKept + failed - failedSitemaps }
        var isComplete: Bool { done >= images }
    }

    private let summary: Mutex<Summary>
    private let progress = ProgressDisplay(of: "images")

    fileprivate static let mostFailures = 1000

    init(images: Int, ignored: Int, failures: [Failure], skipped: Int) {
        summary = Mutex(Summary(images: images, ignored: ignored, skipped: skipped))
        summary.withLock { $0.failedSitemaps = failures.count }
        for failure in failures { count(failure.url, .failed(failure.reason)) }
    }

    func count(_ url: String, _ outcome: WarmOutcome) {
        let (done, images) = summary.withLock { summary in
            summary.count(url, outcome)
            return (summary.done, summary.images)
        }
        if outcome.isFailure || !progress.showsBar { progress.note("\(outcome.text)  \(printable(url))") }
        if progress.showsBar { progress.advance(done, of: images) }
    }

    func end() -> Summary {
        progress.end()
        return summary.withLock { $0 }
    }
}

extension WarmOutcome {
    fileprivate var text: String {
        switch self {
        case .fresh: "fresh"
        case .kept(let size): "kept \(size)"
        case .notKept: "not kept"
        case .failed(let reason): "failed \(reason)"
        }
    }
}

extension WarmTally.Summary {
    fileprivate mutating func count(_ url: String, _ outcome: WarmOutcome) {
        switch outcome {
        case .fresh: fresh += 1
        case .kept(let size):
            kept += 1
            keptBytes += size
        case .notKept: notKept += 1
        case .failed(let reason):
            failed += 1
            if failures.count < WarmTally.mostFailures {
                failures.append(WarmTally.Failure(url: url, reason: reason))
            }
        }
    }

    var text: String {
        var rows = [
            (name: "images", value: "\(images)" + (isComplete ? "" : ", \(images - done) of them not reached")),
            ("kept", "\(kept), \(keptBytes) bytes"), ("fresh", "\(fresh)"), ("not kept", "\(notKept)"),
        ]
        if skipped > 0 { rows.append(("skipped", "\(skipped), done in an earlier run")) }
        if ignored > 0 { rows.append(("ignored", "\(ignored) references that name no http or https URL")) }
        rows.append(("failed", "\(failed)"))
        rows += failures.map { ("", "\($0.reason)  \($0.url)") }
        if failed > failures.count { rows.append(("", "and \(failed - failures.count) more")) }
        return table(rows)
    }

    var json: String {
        var text = JSONText()
        text.object { text in
            text.member("complete", .boolean(isComplete))
            for (name, count) in [
                ("images", images), ("kept", kept), ("keptBytes", keptBytes), ("fresh", fresh), ("notKept", notKept),
                ("skipped", skipped), ("ignored", ignored), ("failed", failed),
            ] { text.member(name, .integer(Int64(count))) }
            text.name("failures")
            text.array { text in
                for failure in failures {
                    text.object { text in
                        text.member("url", .string(failure.url))
                        text.member("reason", .string(failure.reason))
                    }
                }
            }
        }
        return text.string + "\n"
    }
}
