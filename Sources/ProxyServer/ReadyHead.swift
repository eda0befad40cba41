import ProxyCore
import Synchronization

/// The response with all of an image that many ask for, as it was made last, for those who come in the same second: from
/// one to the next only the seconds differ that a head names.
///
/// Sendable: its state is behind a lock, which is held for a comparison.
final class ReadyHead: Sendable {
    private struct Made {
        var response: ImageResponse
        var age: Int
        var freshnessLeft: Int
    }

    private let last = Mutex<Made?>(nil)

    /// The response with this status, as `stored` is at `now`. It is made by `make` where the last one was another.
    func response(
        _ status: CacheStatus, _ stored: StoredResponse, at now: Int64, _ make: () -> ImageResponse
    ) -> ImageResponse {
        let (age, freshnessLeft) = (stored.age(at: now), stored.freshnessLeft(at: now))
        let known = last.withLock { made -> ImageResponse? in
            guard let made, made.age == age, made.freshnessLeft == freshnessLeft,
                made.response.head.cacheStatus == status
            else { return nil }
            return made.response
        }
        if let known { return known }
        var response = make()
        response.headBytes = response.head.bytes
        let made = Made(response: response, age: age, freshnessLeft: freshnessLeft)
        last.withLock { $0 = made }
        return response
    }
}
