import Glibc
internal import Dispatch
import Synchronization

/// Threads of our own that run the same loop: the work blocks in C, which Swift's and Dispatch's pools are not for.
///
/// Signals are blocked in them: libfcgi does not retry what a signal interrupts, so one would cut a request short.
@safe final class Crew: Sendable {
    private let members = DispatchGroup()
    private let hasBegun = Atomic<Bool>(false)
    private let loop: @Sendable () -> Void

    /// libcurl with OpenSSL, the deepest thing that runs here, uses a small part of it; untouched pages cost nothing.
    private static let stackSize = 512 << 10

    /// Starts so many threads.
    init(count: Int = 0, _ loop: @escaping @Sendable () -> Void) {
        self.loop = loop
        add(count)
    }

    /// Starts so many threads more. When the system gives fewer, those are the crew.
    func add(_ count: Int) {
        for _ in 0..<count { add() }
    }

    /// Whether the system gave no thread at all.
    var isEmpty: Bool { !hasBegun.load(ordering: .relaxed) }

    /// Waits until all threads have ended; false when time runs out.
    func wait(until deadline: ContinuousClock.Instant) -> Bool {
        let left = max(.zero, deadline - .now)
        return members.wait(timeout: .now() + .milliseconds(left.wholeMilliseconds)) == .success
    }

    /// Starts one thread more; false when the system gives none.
    @discardableResult
    func add() -> Bool {
        members.enter()
        guard start() else {
            members.leave()
            return false
        }
        hasBegun.store(true, ordering: .relaxed)
        return true
    }

    private func start() -> Bool {
        withSignalsBlocked {
            unsafe withUnsafeTemporaryAllocation(of: pthread_attr_t.self, capacity: 1) { attributes in
                guard let attributes = attributes.baseAddress else { return false }
                unsafe pthread_attr_init(attributes)
                defer { unsafe pthread_attr_destroy(attributes) }
                unsafe pthread_attr_setstacksize(attributes, Self.stackSize)
                unsafe pthread_attr_setdetachstate(attributes, Int32(PTHREAD_CREATE_DETACHED))
                var thread = pthread_t()
                let context = unsafe Unmanaged.passRetained(self)
                let result = unsafe pthread_create(
                    &thread, attributes, runCrewMember, context.toOpaque())
                if result != 0 { unsafe context.release() }
                return result == 0
            }
        }
    }

    /// A thread inherits the mask of its maker, so that there is no moment in which it would take a signal.
    private func withSignalsBlocked(_ body: () -> Bool) -> Bool {
        unsafe withUnsafeTemporaryAllocation(of: sigset_t.self, capacity: 2) { masks in
            guard let all = masks.baseAddress else { return false }
            let previous = unsafe all + 1
            unsafe sigfillset(all)
            unsafe pthread_sigmask(SIG_BLOCK, all, previous)
            defer { unsafe pthread_sigmask(SIG_SETMASK, previous, nil) }
            return body()
        }
    }

    fileprivate func run() {
        loop()
        members.leave()
    }
}

private func runCrewMember(_ context: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let context = unsafe context else { return nil }
    unsafe Unmanaged<Crew>.fromOpaque(context).takeRetainedValue().run()
    return nil
}
