/// The breakers of all origins that requests are under way to, or that have failed lately, and how many requests those are.
///
/// An origin that is sound and idle takes no room. Past its capacity the table forgets the origin that was asked longest
/// ago, one without requests under way first, so that hostile URLs can neither fill the memory nor push out much.
public struct OriginBreakers: Sendable {
    /// Whether a request may go to its origin.
    public enum Admission: Equatable, Sendable {
        /// It may, and `end` follows.
        case admitted
        /// The origin's breaker is open, for so many milliseconds more.
        case isOpen(timeLeft: Int64)
    }

    /// How a request to an origin has ended.
    public enum Outcome: Equatable, Sendable {
        case succeeded, failed
        /// It says nothing on the origin: the client has left, or the image was one that we refuse.
        case undecided
    }

    private struct Entry {
        var breaker = OriginBreaker()
        var transfers = 0
        var lastUse: UInt64 = 0
    }

    private let capacity: Int
    private var entries: [String: Entry] = [:]
    private var uses: UInt64 = 0

    public init(capacity: Int = 1024) { self.capacity = max(1, capacity) }

    /// The origins that are known.
    public var count: Int { entries.count }

    /// The requests that are under way to an origin.
    public func transfers(to origin: String) -> Int { entries[origin]?.transfers ?? 0 }

    /// Asks for a request to `origin`, such as `https://example.com:443`.
    public mutating func begin(_ origin: String, at now: Int64) -> Admission {
        var entry = entries[origin] ?? Entry()
        guard entry.breaker.admits(at: now) else { return .isOpen(timeLeft: entry.breaker.timeLeft(at: now)) }
        entry.transfers += 1
        if entries[origin] == nil, entries.count >= capacity { forgetOne() }
        keep(entry, origin)
        return .admitted
    }

    /// A request that was admitted has ended.
    public mutating func end(_ origin: String, _ outcome: Outcome, at now: Int64) {
        // An origin that was forgotten meanwhile stays so.
        guard var entry = entries[origin] else { return }
        entry.transfers = max(0, entry.transfers - 1)
        switch outcome {
        case .succeeded: entry.breaker.succeeded()
        case .failed: entry.breaker.failed(at: now)
        case .undecided: entry.breaker.abandoned(at: now)
        }
        if entry.transfers == 0, entry.breaker.isSound {
            entries[origin] = nil
        } else {
            keep(entry, origin)
        }
    }

    private mutating func keep(_ entry: Entry, _ origin: String) {
        uses &+= 1
        entries[origin] = entry
        entries[origin]?.lastUse = uses
    }

    private mutating func forgetOne() {
        let oldest = entries.min { one, other in
            let (isBusy, isOtherBusy) = (one.value.transfers > 0, other.value.transfers > 0)
            return isBusy == isOtherBusy ? one.value.lastUse < other.value.lastUse : isOtherBusy
        }
        if let oldest { entries[oldest.key] = nil }
    }
}
