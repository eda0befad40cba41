internal import Dispatch
import ProxyCore
import Synchronization

/// What is in Redis, counted in the background: so many entries are not walked through while somebody waits.
///
/// Expiry and eviction leave no word behind, and only a walk through the keys finds what is there. A few thousand keys are
/// walked at once when somebody asks (`mostCountedAtOnce`). For more, one process at a time, which holds a lease in
/// Redis, walks in small steps with pauses between them and leaves the sums in Redis, where every process finds them.
///
/// A walk's sums come with a stamp: how many keys the database had, how many Redis has expired and evicted, and how many
/// images our processes have stored since ever. While the stamp is the same and none of the records that were counted is
/// past its time (Redis notices that late), nothing has come or gone and the sums are exact, however old; nobody walks.
/// When it differs, the next walk begins within seconds, but a walk rests twice as long as it works, and as long again
/// before the next one: twenty times as long while nobody watches. What the stamp does not see is a record that another
/// program replaces by one of another size: so a walk is never older than ten minutes.
///
/// Nobody waits for a walk. Who asks before the first one has ended gets an estimate: keys come out of SCAN in no order, so
/// that the first some thousands are a fair sample of all.
final class Census: Sendable {
    /// Keys in the database up to which they are walked when somebody asks: some 15 ms.
    static let mostCountedAtOnce = 5000

    private let state = Mutex<State>(State())
    /// One walk at a time in a process.
    let walking = DispatchSemaphore(value: 1)

    fileprivate struct State {
        var lastWatched: ContinuousClock.Instant?
        var nextLook: ContinuousClock.Instant?
        var isWanted = false
        var kept: CensusResult?
        var estimate: (statistics: CacheStatistics, madeAt: ContinuousClock.Instant)?
    }

    /// How long somebody who has watched is taken to go on watching.
    fileprivate static let attention = Duration.seconds(60)
    private static let longestAge = Duration.seconds(600)
    private static let leastPause = Duration.seconds(2)
    /// An estimate serves all who ask within a second.
    private static let estimateLifetime = Duration.seconds(1)

    /// Somebody watches the count: it had better be new.
    func watched() {
        state.withLock { state in
            if !state.isWatched { state.nextLook = nil }
            state.lastWatched = .now
        }
    }

    /// Whether somebody has asked for more than could be told.
    var isWanted: Bool { state.withLock { $0.isWanted } }

    func wanted() { state.withLock { $0.isWanted = true } }

    /// Whether it is time to look whether a walk is due: every five seconds, or every second while somebody watches.
    func isLookDue() -> Bool {
        state.withLock { state in
            let now = ContinuousClock.now
            if let next = state.nextLook, now < next { return false }
            state.nextLook = now + .milliseconds(state.isWatched ? 900 : 4900)
            return true
        }
    }

    /// Keeps the last result of this process, for a Redis that keeps none because it is full or gives up keys.
    func keep(_ result: CensusResult) { state.withLock { $0.kept = result } }

    /// What is known best: the result that is in Redis, or an own one that is newer. Nobody can tell whether that is still
    /// true: what it was in has lost a key, so it may have lost others.
    func best(_ found: CensusResult?) -> CensusResult? {
        let kept = state.withLock { $0.kept }
        guard let found else { return kept }
        guard let kept else { return found }
        return kept.endedAt > found.endedAt ? kept : found
    }

    /// An estimate that somebody has just made.
    var recentEstimate: CacheStatistics? {
        state.withLock { state in
            guard let estimate = state.estimate, .now - estimate.madeAt < Self.estimateLifetime else { return nil }
            return estimate.statistics
        }
    }

    func keep(estimate: CacheStatistics) { state.withLock { $0.estimate = (estimate, .now) } }

    /// Whether to walk, given what the last walk has left, by whichever process.
    func isWalkDue(after result: CensusResult?, stamp: String, at now: Int64) -> Bool {
        guard let result else { return true }
        let age = Duration.milliseconds(max(0, now &- result.endedAt))
        if result.isCurrent(stamp: stamp, at: now) { return age > Self.longestAge }
        let share = state.withLock { $0.isWatched } ? 1 : 20
        return age >= max(Self.leastPause, .milliseconds(result.work) * share)
    }
}

extension Census.State {
    fileprivate var isWatched: Bool { lastWatched.map { .now - $0 < Census.attention } ?? false }
}

/// What a walk has found, as it is kept in Redis.
struct CensusResult: Equatable, Sendable {
    var statistics: CacheStatistics
    /// The state of the database when the walk began.
    var stamp: String
    /// When it began: Unix milliseconds.
    var countedAt: Int64
    var endedAt: Int64
    /// How much of the time between Redis was busy with it, at most: milliseconds.
    var work: Int
    /// When the first of the records that were counted expires: Unix milliseconds, nil where none does.
    var firstExpiry: Int64?

    /// Whether nothing has changed since it was counted, as far as a look can tell. `now` is in Unix milliseconds.
    func isCurrent(stamp: String, at now: Int64) -> Bool {
        self.stamp == stamp && firstExpiry.map { now < $0 } ?? true
    }

    /// The fields of the hash.
    var fields: [(String, String)] {
        var fields = [
            ("stamp", stamp), ("countedAt", "\(countedAt)"), ("endedAt", "\(endedAt)"), ("work", "\(work)"),
            ("images", "\(statistics.totalImages)"),
            ("bytes", "\(statistics.totalSize)"),
        ]
        if let firstExpiry { fields.append(("firstExpiry", "\(firstExpiry)")) }
        if let oldest = statistics.oldestCache { fields.append(("oldest", "\(oldest)")) }
        if let newest = statistics.newestCache { fields.append(("newest", "\(newest)")) }
        for (type, share) in statistics.types { fields.append(("type \(type)", "\(share.images) \(share.bytes)")) }
        for (index, share) in statistics.sizes.enumerated() where share.images > 0 {
            fields.append(("size \(index)", "\(share.images) \(share.bytes)"))
        }
        return fields
    }

    init(
        _ statistics: CacheStatistics, stamp: String, countedAt: Int64, endedAt: Int64, work: Int,
        firstExpiry: Int64? = nil
    ) {
        self.statistics = statistics
        self.stamp = stamp
        self.countedAt = countedAt
        self.endedAt = endedAt
        self.work = work
        self.firstExpiry = firstExpiry
    }

    /// Nil when the fields are not those of a result.
    init?(_ fields: [String: String]) {
        guard let stamp = fields["stamp"], let countedAt = fields["countedAt"].flatMap({ Int64($0) }),
            let endedAt = fields["endedAt"].flatMap({ Int64($0) }), let work = fields["work"].flatMap({ Int($0) }),
            let images = fields["images"].flatMap({ Int($0) }), let bytes = fields["bytes"].flatMap({ Int($0) })
        else { return nil }
        statistics = CacheStatistics()
        statistics.totalImages = images
        statistics.totalSize = bytes
        statistics.oldestCache = fields["oldest"].flatMap { Int64($0) }
        statistics.newestCache = fields["newest"].flatMap { Int64($0) }
        self.stamp = stamp
        self.countedAt = countedAt
        self.endedAt = endedAt
        self.work = min(max(work, 0), 1 << 32)
        firstExpiry = fields["firstExpiry"].flatMap { Int64($0) }
        for (name, value) in fields {
            let words = name.split(separator: " ", maxSplits: 1)
            let numbers = value.split(separator: " ").compactMap { Int($0) }
            guard words.count == 2, numbers.count == 2 else { continue }
            let share = CacheStatistics.Share(images: numbers[0], bytes: numbers[1])
            if words[0] == "type" { statistics.types[String(words[1])] = share }
            if words[0] == "size", let index = Int(words[1]), statistics.sizes.indices.contains(index) {
                statistics.sizes[index] = share
            }
        }
    }
}
