import ProxyCore
import Synchronization

/// The fetches under way, one for each URL, and the requests that wait for them.
///
/// The first request for an image that the cache does not have leads: it fetches. Those that come meanwhile follow: they
/// are left here, without a worker, and the leader's thread serves them from what it keeps of the image as it arrives.
/// What cannot be shared is not: where the origin forbids it, or the image is too large to be kept, every follower is
/// sent on to fetch for itself, all at once and not one after another, and for a while nobody is made to wait for such
/// an image again. A leader that cannot keep the whole image goes on alone, and who waits finds it in the cache.
///
/// An entry stays until the image is in the cache, so that there is no moment in between to ask the origin twice.
///
/// Sendable: its state is behind a lock, which is held for a look-up and never for I/O. A `Miss` in it is nobody else's.
final class CollapsedFetches: Sendable {
    private let state = Mutex(State())

    fileprivate struct State {
        var entries: [[UInt8]: Entry] = [:]
        var waiting = 0
        /// Images that are not shared, and until when.
        var apart: [[UInt8]: ContinuousClock.Instant] = [:]
    }

    /// A class, so that those who wait are added to one list: a thousand may.
    fileprivate final class Entry {
        let fetch: CollapsedFetch
        var waiting: [Miss] = []
        /// The image, when it is whole and on its way into the cache.
        var whole: FetchedImage?

        init(_ fetch: CollapsedFetch) { self.fetch = fetch }
    }

    enum Joining {
        /// The caller fetches, and ends the fetch whatever happens.
        case leads(CollapsedFetch)
        /// Another fetches, and the miss is theirs now.
        case follows
        case whole(FetchedImage)
        /// Too many wait.
        case overloaded
    }

    /// A request that waits costs some tens of kilobytes, most of them libfcgi's buffers.
    static let mostWaiting = 2048
    private static let mostApart = 1024

    /// What becomes of a request that the cache could not answer.
    func join(_ miss: Miss) -> Joining {
        // A HEAD wants no bytes, so it has none for others.
        if miss.isApart || miss.exchange.writer.dropsBody { return .leads(CollapsedFetch(leading: miss)) }
        let key = miss.image.cacheKey
        return state.withLock { state in
            if state.isApart(key) { return .leads(CollapsedFetch(leading: miss)) }
            guard let entry = state.entries[key] else {
                let fetch = CollapsedFetch(leading: miss, key: key)
                state.entries[key] = Entry(fetch)
                return .leads(fetch)
            }
            if let whole = entry.whole, !miss.mustValidate { return .whole(whole) }
            guard state.waiting < Self.mostWaiting else { return .overloaded }
            state.waiting += 1
            entry.waiting.append(miss)
            return .follows
        }
    }

    /// A fetch that nobody waits for, to bring a stale image up to date; nil when one is under way.
    func refresh(_ image: ImageRequest, _ stale: StaleImage) -> CollapsedFetch? {
        let key = image.cacheKey
        return state.withLock { state in
            guard state.entries[key] == nil, !state.isApart(key) else { return nil }
            let fetch = CollapsedFetch(refreshing: image, stale, key: key)
            state.entries[key] = Entry(fetch)
            return fetch
        }
    }

    /// Whether anybody waits for a fetch.
    func hasFollowers(_ fetch: CollapsedFetch) -> Bool {
        guard let key = fetch.key else { return false }
        return state.withLock { $0.isCurrent(fetch, key) && $0.entries[key]?.waiting.isEmpty == false }
    }

    /// Takes those who wait for a fetch, and leaves it to be joined by more.
    func takeFollowers(of fetch: CollapsedFetch) -> [Miss] {
        guard let key = fetch.key else { return [] }
        return state.withLock { $0.isCurrent(fetch, key) ? $0.takeWaiting(key) : [] }
    }

    /// The image is whole. Those who waited are returned. If it `isFresh`, it is served at once to whoever comes from now on;
    /// others wait for the cache, and ask the origin whether it is still good (RFC 9111, 4).
    func complete(_ fetch: CollapsedFetch, with image: FetchedImage, isFresh: Bool) -> [Miss] {
        guard let key = fetch.key else { return [] }
        return state.withLock { state in
            guard state.isCurrent(fetch, key) else { return [] }
            if isFresh { state.entries[key]?.whole = image }
            return state.takeWaiting(key)
        }
    }

    /// The fetch has ended, and with it its entry. Those who waited are returned. With `apart`, nobody waits for this
    /// image again for so long.
    func end(_ fetch: CollapsedFetch, apartFor apart: Duration? = nil) -> [Miss] {
        guard let key = fetch.key else { return [] }
        return state.withLock { state in
            if let apart { state.keepApart(key, until: .now + apart, limit: Self.mostApart) }
            guard state.isCurrent(fetch, key) else { return [] }
            defer { state.entries[key] = nil }
            return state.takeWaiting(key)
        }
    }

    /// Takes the followers that have waited for longer than `patience`, of all fetches.
    func takeOverdue(_ patience: Duration) -> [Miss] {
        let oldest = ContinuousClock.now - patience
        return state.withLock { state in
            var overdue: [Miss] = []
            for key in Array(state.entries.keys) {
                guard let waiting = state.entries[key]?.waiting, waiting.first.map({ $0.since < oldest }) ?? false
                else { continue }
                overdue += waiting.filter { $0.since < oldest }
                state.entries[key]?.waiting = waiting.filter { $0.since >= oldest }
            }
            state.waiting -= overdue.count
            return overdue
        }
    }

    /// Requests that wait now.
    var waitingCount: Int { state.withLock { $0.waiting } }
    /// Images that are being fetched, or stored, now.
    var count: Int { state.withLock { $0.entries.count } }
}

extension CollapsedFetches.State {
    /// A fetch that was ended early, because its image cannot be shared, may find another's entry in its place.
    fileprivate func isCurrent(_ fetch: CollapsedFetch, _ key: [UInt8]) -> Bool { entries[key]?.fetch === fetch }

    fileprivate mutating func takeWaiting(_ key: [UInt8]) -> [Miss] {
        let taken = entries[key]?.waiting ?? []
        entries[key]?.waiting = []
        waiting -= taken.count
        return taken
    }

    fileprivate mutating func isApart(_ key: [UInt8]) -> Bool {
        guard let until = apart[key] else { return false }
        if until > .now { return true }
        apart[key] = nil
        return false
    }

    fileprivate mutating func keepApart(_ key: [UInt8], until: ContinuousClock.Instant, limit: Int) {
        if apart.count >= limit {
            let now = ContinuousClock.now
            apart = apart.filter { $0.value > now }
            // Full of images that are still kept apart: forgetting one costs a wait, nothing else.
            if apart.count >= limit, let any = apart.keys.first { apart[any] = nil }
        }
        apart[key] = until
    }
}

/// One fetch, and for whom it was begun.
final class CollapsedFetch: @unchecked Sendable {
    // Sendable because one thread at a time has it: the leader's, or the queue that it waits in.
    let image: ImageRequest
    /// Nil for a refresh in the background.
    private(set) var leader: Miss?
    /// What the origin is asked about.
    private(set) var stale: StaleImage?
    /// Its place among the fetches that others may join; nil when nobody may.
    let key: [UInt8]?
    let since = ContinuousClock.now

    init(leading miss: Miss, key: [UInt8]? = nil) {
        image = miss.image
        leader = miss
        stale = miss.stale
        self.key = key
    }

    init(refreshing image: ImageRequest, _ stale: StaleImage, key: [UInt8]) {
        self.image = image
        leader = nil
        self.stale = stale
        self.key = key
    }

    /// The leader's request has been looked up once more.
    func lead(_ again: Miss) {
        leader = again
        stale = again.stale
    }

    var isShared: Bool { key != nil }
    /// Whether the client that it was begun for has left. Others may wait for it all the same.
    var isLeaderGone: Bool { leader?.exchange.request.isPeerGone ?? false }
    var requestIdentifier: String { leader?.exchange.record.requestID ?? "-" }
}

extension ImageRequest {
    /// By its bytes: to `String`, URLs that differ in Unicode normalisation alone are equal.
    fileprivate var cacheKey: [UInt8] { Array(urlText.utf8) }
}
