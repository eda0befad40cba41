import ProxyCore
import Synchronization

/// What was decided about the last images that came from their origins, for people who look. Behind the response, so a
/// lock is good enough.
final class RecentDecisions: Sendable {
    struct Decision: Sendable, Equatable {
        /// Unix milliseconds.
        let time: Int64
        let kind: Kind
        let size: Int
        let type: String
        /// As logs may show it.
        let url: String
        var reason: String?
    }

    /// What becomes of an image for the cache.
    enum Kind: String, Sendable, CaseIterable {
        case cached
        case tooLarge = "too_large"
        case notStorable = "not_storable"
        case overBudget = "over_budget"
        case failed

        /// Its counter in a reading.
        var counter: String {
            switch self {
            case .cached: "stored"
            case .tooLarge: "tooLarge"
            case .notStorable: "notStorable"
            case .overBudget: "overBudget"
            case .failed: "storeFailures"
            }
        }
    }

    private let last = Mutex<[Decision]>([])
    private static let capacity = 24
    private static let longestURL = 300

    func add(_ decision: Decision) {
        last.withLock { last in
            if last.count == Self.capacity { last.removeFirst() }
            last.append(decision)
        }
    }

    func add(_ kind: Kind, at time: Int64, size: Int, type: MediaType, url: String, reason: String? = nil) {
        let isLong = url.utf8.count > Self.longestURL
        let shown = isLong ? String(decoding: url.utf8.prefix(Self.longestURL), as: UTF8.self) + "…" : url
        add(Decision(time: time, kind: kind, size: size, type: type.contentType, url: shown, reason: reason))
    }

    /// The newest first.
    var newestFirst: [Decision] { last.withLock { $0.reversed() } }
}
