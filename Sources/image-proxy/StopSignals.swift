internal import Dispatch
import Glibc
import Synchronization

/// Turns the first signal to stop a command into a call, and the second into an end. A responder has `Signals`.
///
/// They are blocked in every thread and read from a descriptor: so none interrupts a system call, as libfcgi's own
/// handlers would, and one that comes before anybody listens waits.
final class StopSignals {
    private let sources: [any DispatchSourceSignal]
    private static let numbers = [SIGTERM, SIGINT, SIGQUIT, SIGUSR1]

    /// From here on the signals wait. Before any thread starts, since each inherits the mask.
    static func hold() {
        unsafe withUnsafeTemporaryAllocation(of: sigset_t.self, capacity: 1) { mask in
            guard let mask = mask.baseAddress else { return }
            unsafe sigemptyset(mask)
            for number in numbers { unsafe sigaddset(mask, number) }
            unsafe pthread_sigmask(SIG_BLOCK, mask, nil)
        }
    }

    /// `last` is the exit status of the second signal.
    init(last: ExitStatus, _ stop: @escaping @Sendable () -> Void) {
        let queue = DispatchQueue(label: "image-proxy.signals")
        let first = FirstTime()
        sources = Self.numbers.map { number in
            let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
            source.setEventHandler {
                // Two that come close together are told as one event. Source and handler hold each other, as long as
                // there is a process to be stopped.
                guard source.data <= 1, first.isFirst() else { _exit(last.rawValue) }
                stop()
            }
            source.resume()
            return source
        }
    }
}

/// True once.
final class FirstTime: Sendable {
    private let hasPassed = Atomic<Bool>(false)

    func isFirst() -> Bool { !hasPassed.exchange(true, ordering: .relaxed) }
}

/// Whether the operator has asked a command to stop, by Ctrl-C for the most part. The second time it ends at once.
final class Interruption: Sendable {
    private let hasCome = Atomic<Bool>(false)

    var isStopped: Bool { hasCome.load(ordering: .relaxed) }

    /// Runs `body` while signals only ask it to stop. Called before any thread starts.
    static func during(_ body: (Interruption) -> ExitStatus) -> ExitStatus {
        StopSignals.hold()
        let interruption = Interruption()
        let signals = StopSignals(last: .interrupted) {
            interruption.hasCome.store(true, ordering: .relaxed)
            // Behind the ^C that a terminal shows.
            printError(raw: isatty(STDERR_FILENO) == 1 ? "\n" : "")
            printError("stopping after what has begun; once more ends it at once")
        }
        return withExtendedLifetime(signals) { body(interruption) }
    }
}
