internal import Dispatch
import Synchronization

/// Lets no more workers run at once than the machine has processors, and one more in for each that blocks.
///
/// Workers are many, because some wait for an origin for seconds. But a request that needs no waiting is answered best
/// by a thread that is running already: woken one for each request they would only take the processors from each other
/// (measured: twice the processor time a request with 64 of them). So a worker that finds enough others running parks, and
/// whoever is about to block lets a parked one go. The one that parked last goes first: its memory is still warm.
///
/// Sendable: the counts are atomic, and the list of the parked is behind a lock that only parking and waking take.
public final class Turnstile: Sendable {
    private let limit: Int
    /// Workers that run, or wait for a request.
    private let running = Atomic<Int>(0)
    /// Those of them that wait briefly.
    private let brief = Atomic<Int>(0)
    private let parkedCount = Atomic<Int>(0)
    private let isOpen = Atomic<Bool>(false)
    private let parked = Mutex<[Ticket]>([])
    /// Those that take the places of workers that wait, when no other is left.
    public let reserve: Reserve

    /// Wakes one parked worker.
    private struct Ticket: @unchecked Sendable {
        // Sendable: a semaphore is made to be signalled from other threads.
        let semaphore = DispatchSemaphore(value: 0)
    }

    public convenience init(limit: Int) { self.init(limit: limit, Reserve()) }

    init(limit: Int, _ reserve: Reserve) {
        self.limit = max(1, limit)
        self.reserve = reserve
    }

    /// Runs `body`, which waits for something, while another worker may run instead, if need be one of the reserve; what the
    /// worker has in hand besides is left to others. A fetch waits for its origin and, within that, for web servers: it
    /// makes room for one other and not for two.
    public func blocking<Result: ~Copyable, Failure: Error>(
        _ body: () throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let pulse = WorkerPulse.current
        guard pulse?.isAway != true else { return try body() }
        pulse?.leaveTheRest()
        pulse?.isAway = true
        defer { pulse?.isAway = false }
        leave()
        if running.load(ordering: .relaxed) < limit, parkedCount.load(ordering: .relaxed) == 0 { reserve.callUp() }
        defer { enter() }
        return try body()
    }

    /// Runs `body`, which waits for something that answers within a fraction of a millisecond, as Redis does.
    ///
    /// Letting another in for so short a wait costs more than the wait. While there are such waits, twice as many workers
    /// stay as usual, and take turns without being woken for it.
    public func waitingBriefly<Result: ~Copyable, Failure: Error>(
        _ body: () throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let waiting = brief.add(1, ordering: .relaxed).newValue
        defer { brief.subtract(1, ordering: .relaxed) }
        if running.load(ordering: .relaxed) < limit + min(waiting, spare), !wakeOne(),
            !isOpen.load(ordering: .relaxed)
        {
            reserve.complete()
        }
        return try body()
    }

    /// Waits until a web server takes more of an answer; false when it is to be given up.
    func waitForRoom(on descriptor: Int32) -> Bool { blocking { reserve.waitForRoom(on: descriptor) } }

    /// How many more may run while some wait briefly. With more of them each finds fewer requests at once, and all switch
    /// more often.
    private var spare: Int { limit }

    /// A worker begins, or goes on.
    func enter() { running.add(1, ordering: .sequentiallyConsistent) }

    /// A worker ends, or blocks.
    func leave() {
        let left = running.subtract(1, ordering: .sequentiallyConsistent).newValue
        if left < limit { wakeOne() }
    }

    /// Whether more workers run than should: one that has nothing to do now is to park.
    var isCrowded: Bool {
        let most = limit + (brief.load(ordering: .relaxed) > 0 ? spare : 0)
        return running.load(ordering: .relaxed) > most && !isOpen.load(ordering: .relaxed)
    }

    /// Waits, as one that does not run, until somebody blocks. May return at once.
    func park() {
        let ticket = Ticket()
        parked.withLock { $0.append(ticket) }
        parkedCount.add(1, ordering: .sequentiallyConsistent)
        // Whoever leaves counts down first and looks for the parked then; here it is the other way round, so that one of
        // both sees the other and nobody parks while nobody runs.
        leave()
        if isOpen.load(ordering: .sequentiallyConsistent) { open() }
        ticket.semaphore.wait()
        enter()
    }

    /// Lets everybody go, for good.
    func open() {
        isOpen.store(true, ordering: .sequentiallyConsistent)
        while wakeOne() {}
    }

    @discardableResult
    private func wakeOne() -> Bool {
        guard parkedCount.load(ordering: .sequentiallyConsistent) > 0,
            let ticket = parked.withLock({ $0.popLast() })
        else { return false }
        parkedCount.subtract(1, ordering: .sequentiallyConsistent)
        ticket.semaphore.signal()
        return true
    }
}
