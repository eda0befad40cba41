import Glibc
import Synchronization

/// A sign of life of one worker, for whoever watches it from another thread: what it is at, and a count that grows with
/// each step that it takes.
///
/// There is no clock in it: whoever watches has one, and looks whether the count has grown. So a step costs next to
/// nothing, and a process that was suspended has missed nothing.
public final class WorkerPulse: Sendable {
    /// What a worker is at.
    public struct Activity: Equatable, Sendable {
        public enum Kind: String, Sendable { case idle, request, fetch }

        public var kind: Kind
        /// The request, as the log knows it; empty while it is not known.
        public var request: String
        /// The host that is asked.
        public var host: String

        public init(_ kind: Kind, request: String = "", host: String = "") {
            self.kind = kind
            self.request = request
            self.host = host
        }
    }

    private let steps = Atomic<Int>(0)
    private let state = Mutex(Activity(.idle))

    private let away = Atomic<Bool>(false)

    public init() {}

    /// Whether another may run in its place: the turnstile's note.
    var isAway: Bool {
        get { away.load(ordering: .relaxed) }
        set { away.store(newValue, ordering: .relaxed) }
    }

    /// What it is at now.
    public var activity: Activity { state.withLock { $0 } }
    /// How many steps it has taken.
    public var count: Int { steps.load(ordering: .relaxed) }

    /// It turns to something else.
    public func begin(_ activity: Activity) {
        state.withLock { $0 = activity }
        beat()
    }

    /// It gets on with what it is at.
    public func beat() { steps.add(1, ordering: .relaxed) }

    // MARK: The thread's own

    /// What the thread has in hand besides what it is at: how to leave each of it to others. Nobody else touches it.
    private nonisolated(unsafe) var inHand: [() -> Void] = []

    /// Runs `body`, while the thread has more in hand. Before it waits for long it calls `leave`, once: others are to take what
    /// it has not come to. False when it has.
    public func holding(_ leave: @escaping () -> Void, _ body: () -> Void) -> Bool {
        unsafe inHand.append(leave)
        let depth = unsafe inHand.count
        body()
        guard unsafe inHand.count == depth else { return false }
        unsafe inHand.removeLast()
        return true
    }

    /// Leaves to others whatever the thread has in hand besides what it is at.
    public func leaveTheRest() {
        let all = unsafe inHand
        unsafe inHand = []
        for leave in all { leave() }
    }

    /// Makes this the pulse of the thread that calls, while `body` runs.
    func beating<Failure: Error>(_ body: () throws(Failure) -> Void) throws(Failure) {
        unsafe pthread_setspecific(Self.key, Unmanaged.passUnretained(self).toOpaque())
        // It is ours to keep alive for as long as the thread can find it.
        defer { pthread_setspecific(Self.key, nil) }
        try withExtendedLifetime(self, body)
    }

    /// That of the thread that calls; nil where nobody watches it.
    public static var current: WorkerPulse? {
        guard let pointer = unsafe pthread_getspecific(key) else { return nil }
        return unsafe Unmanaged<WorkerPulse>.fromOpaque(pointer).takeUnretainedValue()
    }

    private static let key: pthread_key_t = {
        var key = pthread_key_t()
        unsafe pthread_key_create(&key, nil)
        return key
    }()
}
