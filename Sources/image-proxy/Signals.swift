internal import Dispatch
import Glibc
import Synchronization

/// The signals that a responder, or a command that takes long, answers to.
///
/// They are blocked in every thread and read from a descriptor: so none interrupts a system call, as libfcgi's own
/// handlers would, and one that comes before anybody listens waits, also while the process executes itself.
@safe final class Signals {
    enum Meaning { case stop, reload }

    private let sources: [any DispatchSourceSignal]
    /// Those that are still read.
    private let left: DispatchGroup
    private static let stopping = [SIGTERM, SIGINT, SIGQUIT, SIGUSR1]

    /// From here on the signals wait. Before any thread starts, since each inherits the mask.
    static func hold() {
        _ = unsafe withHeld { mask in unsafe pthread_sigmask(SIG_BLOCK, mask, nil) }
    }

    /// Calls `body` with the set of them.
    static func withHeld<Result>(_ body: (UnsafeMutablePointer<sigset_t>) -> Result) -> Result {
        var mask = sigset_t()
        return unsafe withUnsafeMutablePointer(to: &mask) { mask in
            unsafe sigemptyset(mask)
            for number in stopping + [SIGHUP] { unsafe sigaddset(mask, number) }
            return unsafe body(mask)
        }
    }

    /// Calls `body` for each, on `queue`.
    init(on queue: DispatchQueue, _ body: @escaping @Sendable (Meaning) -> Void) {
        let left = DispatchGroup()
        self.left = left
        sources = (Self.stopping + [SIGHUP]).map { number in
            let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
            source.setCancelHandler { left.leave() }
            left.enter()
            source.setEventHandler {
                guard number != SIGHUP else { return body(.reload) }
                // Two that come close together are told as one event. Source and handler hold each other until the end.
                for _ in 0..<min(source.data, 2) { body(.stop) }
            }
            source.resume()
            return source
        }
    }

    /// From here on they wait once more. Blocks, and not on the queue, until what has been read is with `body`.
    func release() {
        for source in sources { source.cancel() }
        left.wait()
    }
}

/// True once.
final class FirstTime: Sendable {
    private let hasPassed = Atomic<Bool>(false)

    func isFirst() -> Bool { !hasPassed.exchange(true, ordering: .relaxed) }
}
