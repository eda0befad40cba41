internal import Dispatch
import ProxyCore
import Synchronization

/// The rights to ask origins that this process holds, among all processes and hosts that share the cache.
///
/// A lease is short, and renewed while the fetch goes on: so a process that dies holds nobody up for long.
///
/// Sendable: what changes is behind a lock, which is not held while the cache is asked.
final class FetchLeases: Sendable {
    private let cache: (any CacheTier)?
    private let held = Mutex(Held())
    private let timer = DispatchQueue(label: "image-proxy.leases")

    private struct Held {
        var leases: [ObjectIdentifier: FetchLease] = [:]
        /// Whether a renewal is to come.
        var isScheduled = false
    }

    static let duration = Duration.seconds(5)
    private static let renewal = DispatchTimeInterval.seconds(1)

    init(cache: (any CacheTier)?) { self.cache = cache }

    enum Claim {
        case granted(FetchLease)
        /// Another process is asking.
        case taken
        case left(Verdict)
        /// The cache cannot be asked: there is nobody to agree with.
        case unavailable
    }

    func claim(_ urlText: String) -> Claim {
        guard let cache, cache.isAvailable else { return .unavailable }
        let token = FetchToken()
        switch cache.claimFetch(of: urlText, as: token, for: Self.duration) {
        case .granted(let isCached):
            let lease = FetchLease(urlText, token, isCached: isCached)
            let isFirst = held.withLock { held in
                held.leases[ObjectIdentifier(lease)] = lease
                defer { held.isScheduled = true }
                return !held.isScheduled
            }
            if isFirst { scheduleRenewal() }
            return .granted(lease)
        case .taken: return .taken
        case .left(let text): return Verdict(text: text).map { .left($0) } ?? .unavailable
        case .unavailable: return .unavailable
        }
    }

    /// What one who asked a moment ago has left, for one who asks for itself in any case.
    func verdict(on urlText: String) -> Verdict? { cache?.verdict(on: urlText).flatMap { Verdict(text: $0) } }

    /// Gives a lease back, and leaves a verdict in its place, if there is one.
    func end(_ lease: FetchLease, leaving verdict: Verdict? = nil, for duration: Duration = .zero) {
        held.withLock { $0.leases[ObjectIdentifier(lease)] = nil }
        cache?.endFetch(
            of: lease.urlText, as: lease.token, leaving: duration > .zero ? verdict?.text : nil, for: duration)
    }

    private func scheduleRenewal() {
        timer.asyncAfter(deadline: .now() + Self.renewal) { [self] in
            let leases = held.withLock { Array($0.leases.values) }
            for lease in leases { _ = cache?.renewFetch(of: lease.urlText, as: lease.token, for: Self.duration) }
            let goesOn = held.withLock { held in
                held.isScheduled = !held.leases.isEmpty
                return held.isScheduled
            }
            if goesOn { scheduleRenewal() }
        }
    }
}

/// The right to ask the origin of one image.
final class FetchLease: Sendable {
    let urlText: String
    let token: FetchToken
    /// The image came into the cache before the right was granted.
    let isCached: Bool

    init(_ urlText: String, _ token: FetchToken, isCached: Bool) {
        self.urlText = urlText
        self.token = token
        self.isCached = isCached
    }
}
