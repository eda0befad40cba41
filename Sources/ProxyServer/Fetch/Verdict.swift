import ProxyCore

/// What one who has asked the origin tells those who wait for the answer, in this process and in others, instead of an
/// image in the cache.
enum Verdict: Equatable {
    /// Ask for yourself: the image is not one to be shared.
    case apart
    /// The origin says that there is no such image: 404 or 410.
    case missing(status: Int)
    /// The origin cannot be reached.
    case down(UpstreamFailure)

    /// For how long an image that may not be shared is asked for by everybody apart.
    static let apartDuration = Duration.seconds(30)
    /// How long the failure of an origin is everybody's: long enough for all who waited to hear of it, and no longer.
    static let downDuration = Duration.milliseconds(1500)

    /// What the end of a fetch says to the others; nil when it says nothing.
    init?(_ error: ProxyError) {
        switch error {
        case .upstream(.missing(let status)): self = .missing(status: status)
        case .upstream(let failure) where error.isOriginDown: self = .down(failure)
        // Any other failure is no answer to anybody. Those who waited ask at once, all of them, and not one after another.
        case .upstream: self = .apart
        default: return nil
        }
    }

    /// How long it holds, where it is no negative answer.
    var duration: Duration { self == .apart ? .seconds(2) : Self.downDuration }

    /// As it is left in the cache.
    var text: String {
        switch self {
        case .apart: "apart"
        case .missing(let status): "\(status)"
        case .down(.nameNotResolved): "name-not-resolved"
        case .down(.timedOut): "timed-out"
        case .down: "unreachable"
        }
    }

    /// Reads what was left in the cache; nil when it is nothing that we leave.
    init?(text: String) {
        switch text {
        case "apart": self = .apart
        case "404": self = .missing(status: 404)
        case "410": self = .missing(status: 410)
        case "name-not-resolved": self = .down(.nameNotResolved)
        case "timed-out": self = .down(.timedOut)
        case "unreachable": self = .down(.unreachable)
        default: return nil
        }
    }

    /// The failure that it stands for; nil for none.
    var failure: UpstreamFailure? {
        switch self {
        case .apart: nil
        case .missing(let status): .missing(status: status)
        case .down(let failure): failure
        }
    }
}
