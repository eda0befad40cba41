internal import CFastCGI
import Glibc
import Synchronization

/// Work for the workers besides requests: the rest of an exchange that had to wait for something, and may go on.
///
/// A descriptor stands for it in the listener's epoll instance, readable as long as there is work that nobody has seen, so
/// that one wait covers both. Without a listener, as in a CGI process, whoever made the queue runs what is in it.
///
/// Sendable: the list is behind a lock, which is not held while work runs.
public final class WorkQueue: Sendable {
    public typealias Work = @Sendable () -> Void

    let descriptor: Int32
    /// Whether the descriptor was made readable and nobody has come for it: a thousand requests that wait for one image go
    /// on at once, and a system call for each would make all of them later.
    private let isSignalled = Atomic<Bool>(false)
    private let waiting = Mutex<Waiting>(Waiting())

    /// How many pieces a worker runs before it looks for requests again.
    private static let mostInARow = 8

    /// First in, first out. What was taken is cut off now and then, not each time.
    private struct Waiting {
        var work: [Work] = []
        var taken = 0

        var isEmpty: Bool { taken == work.count }

        mutating func takeFirst() -> Work? {
            guard !isEmpty else { return nil }
            let first = work[taken]
            work[taken] = {}
            taken += 1
            cutOff()
            return first
        }

        /// A queue that is never empty must not grow, and what moves up must not be more than what goes.
        private mutating func cutOff() {
            guard taken >= 1024 && taken >= work.count / 2 || taken == work.count else { return }
            work.removeFirst(taken)
            taken = 0
        }
    }

    public init() { descriptor = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK)) }

    deinit { close(descriptor) }

    /// Places in the list, for work that waits and for what was taken.
    var places: Int { waiting.withLock { $0.work.count } }

    /// Has `work` run by the next worker that is free.
    public func add(_ work: @escaping Work) {
        waiting.withLock { $0.work.append(work) }
        signal()
    }

    /// Runs the oldest work; false when there is none.
    @discardableResult
    public func runNext() -> Bool {
        answerSignal()
        guard let work = take() else { return false }
        work()
        return true
    }

    /// Runs the oldest work, and some of what follows; calls `willRun` before each piece.
    func runSome(_ willRun: () -> Void) {
        answerSignal()
        for _ in 0..<Self.mostInARow {
            guard let work = take() else { return }
            willRun()
            work()
        }
    }

    /// The oldest work. Another worker is called for what is left: this one may be busy for long.
    private func take() -> Work? {
        let (work, isMoreLeft) = waiting.withLock { ($0.takeFirst(), !$0.isEmpty) }
        if isMoreLeft { signal() }
        return work
    }

    private func signal() {
        if !isSignalled.exchange(true, ordering: .sequentiallyConsistent) { eventfd_write(descriptor, 1) }
    }

    /// Before work is taken, and in this order: whoever adds some and finds the signal given has added it before it is looked
    /// for.
    private func answerSignal() {
        var count: eventfd_t = 0
        _ = unsafe eventfd_read(descriptor, &count)
        isSignalled.store(false, ordering: .sequentiallyConsistent)
    }
}
