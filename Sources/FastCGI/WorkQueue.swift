internal import CFastCGI
import Glibc
import Synchronization

/// Work for the workers besides requests: the rest of an exchange that had to wait for something, and may go on.
///
/// A descriptor stands for it in the listener's epoll instance, readable as long as there is work, so that one wait
/// covers both. Without a listener, as in a CGI process, whoever made the queue runs what is in it.
///
/// Sendable: the list is behind a lock, which is not held while work runs.
public final class WorkQueue: Sendable {
    public typealias Work = @Sendable () -> Void

    /// Readable while there is work.
    let descriptor: Int32
    private let waiting = Mutex<Waiting>(Waiting())

    /// First in, first out. What was taken is cut off now and then, not each time.
    private struct Waiting {
        var work: [Work] = []
        var taken = 0

        /// A queue that is never empty must not grow, and what moves up must not be more than what goes.
        mutating func cutOff() {
            guard taken >= 1024 && taken >= work.count / 2 || taken == work.count else { return }
            work.removeFirst(taken)
            taken = 0
        }
    }

    public init() { descriptor = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE)) }

    deinit { close(descriptor) }

    /// Places in the list, for work that waits and for what was taken.
    var places: Int { waiting.withLock { $0.work.count } }

    /// Has `work` run by the next worker that is free.
    public func add(_ work: @escaping Work) {
        waiting.withLock { $0.work.append(work) }
        eventfd_write(descriptor, 1)
    }

    /// Runs the oldest work; false when there is none.
    @discardableResult
    public func runNext() -> Bool {
        var count: eventfd_t = 0
        _ = unsafe eventfd_read(descriptor, &count)
        let work = waiting.withLock { waiting -> Work? in
            guard waiting.taken < waiting.work.count else { return nil }
            let work = waiting.work[waiting.taken]
            waiting.work[waiting.taken] = {}
            waiting.taken += 1
            waiting.cutOff()
            return work
        }
        work?()
        return work != nil
    }
}
