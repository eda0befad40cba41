import Glibc
import Synchronization

/// Shows on standard error how far a command is: a bar on a terminal, else a line now and then.
///
/// Sendable: what was shown last is behind a lock, which is held while it is shown, so that lines do not mix.
final class ProgressDisplay: Sendable {
    private let isTerminal = isatty(STDERR_FILENO) == 1
    private let unit: String
    private let shown = Mutex(Shown())

    private struct Shown {
        var last: ContinuousClock.Instant?
        var hasBar = false
    }

    private static let barWidth = 30
    private static let barInterval = Duration.milliseconds(100)
    private static let lineInterval = Duration.seconds(5)

    init(of unit: String) { self.unit = unit }

    /// Shows how much is done, if something was not shown just now.
    func advance(_ done: Int, of total: Int) {
        shown.withLock { shown in
            let now = ContinuousClock.now
            let interval = isTerminal ? Self.barInterval : Self.lineInterval
            // The first line comes when there is something to wait for.
            guard let last = shown.last else { return shown.last = isTerminal ? now - interval : now }
            guard now - last >= interval else { return }
            shown.last = now
            if isTerminal {
                printError(raw: Self.clearing + Self.bar(done, total, unit))
                shown.hasBar = true
            } else {
                printError(raw: "\(done) of \(total) \(unit)\n")
            }
        }
    }

    /// Shows a line that stays.
    func note(_ line: String) {
        shown.withLock { shown in
            printError(raw: (shown.hasBar ? Self.clearing : "") + line + "\n")
            shown.hasBar = false
        }
    }

    /// Takes the bar away.
    func end() {
        shown.withLock { shown in
            if shown.hasBar { printError(raw: Self.clearing) }
            shown.hasBar = false
        }
    }

    /// Whether each step is shown by a bar, so that it needs no line.
    var showsBar: Bool { isTerminal }

    private static let clearing = "\r\u{1b}[K"

    private static func bar(_ done: Int, _ total: Int, _ unit: String) -> String {
        let share = total > 0 ? min(1, Double(done) / Double(total)) : 0
        let filled = Int(share * Double(barWidth))
        let bar = String(repeating: "#", count: filled) + String(repeating: ".", count: barWidth - filled)
        return "[\(bar)] \(Int(share * 100))%  \(done) of \(total) \(unit)"
    }
}
