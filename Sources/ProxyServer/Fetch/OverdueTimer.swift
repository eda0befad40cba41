internal import Dispatch
import Synchronization

/// Calls somebody each second as long as there is a reason to, and not at all otherwise.
final class OverdueTimer: Sendable {
    private let isSet = Atomic<Bool>(false)
    private let queue = DispatchQueue(label: "image-proxy.overdue")

    private static let interval = DispatchTimeInterval.seconds(1)

    /// Calls `body` each second until it returns false. Does nothing while that goes on already.
    func start(_ body: @escaping @Sendable () -> Bool) {
        guard !isSet.exchange(true, ordering: .sequentiallyConsistent) else { return }
        queue.asyncAfter(deadline: .now() + Self.interval) { [self] in
            // Before `body` looks: whoever comes too late for it to be seen starts the timer anew.
            isSet.store(false, ordering: .sequentiallyConsistent)
            if body() { start(body) }
        }
    }
}
