internal import Dispatch
import Glibc
import Synchronization

/// Whether the operator has asked a command to stop, by Ctrl-C for the most part. The second time it ends at once.
final class Interruption: Sendable {
    private let hasCome = Atomic<Bool>(false)

    var isStopped: Bool { hasCome.load(ordering: .relaxed) }

    /// Runs `body` while signals only ask it to stop. Called before any thread starts.
    static func during(_ body: (Interruption) -> ExitStatus) -> ExitStatus {
        Signals.hold()
        let interruption = Interruption()
        // There is nothing to be reloaded: a terminal that goes away (SIGHUP) stops a command like any other signal.
        let signals = Signals(on: DispatchQueue(label: "image-proxy.signals")) { _ in interruption.come() }
        return withExtendedLifetime(signals) { body(interruption) }
    }

    private func come() {
        guard !hasCome.exchange(true, ordering: .relaxed) else { _exit(ExitStatus.interrupted.rawValue) }
        // Behind the ^C that a terminal shows.
        printError(raw: isatty(STDERR_FILENO) == 1 ? "\n" : "")
        printError("stopping after what has begun; once more ends it at once")
    }
}
