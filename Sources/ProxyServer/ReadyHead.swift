import ProxyCore
import Synchronization

/// The response with all of an image that many ask for, as it was made last, for those who come in the same second: from
/// one to the next only the seconds differ that a head names.
///
/// Sendable: what was made is immutable, and the lock is held to fetch it. Everybody who wants the image comes by here: a lock
/// that was held for the comparison too was what a crowd waited for, whenever its holder lost the processor.
final class ReadyHead: Sendable {
    private final class Made: Sendable {
        let response: ImageResponse
        let age: Int
        let freshnessLeft: Int

        init(_ response: ImageResponse, age: Int, freshnessLeft: Int) {
            self.response = response
            self.age = age
            self.freshnessLeft = freshnessLeft
        }

        /// Nil where it is another that is wanted.
        func response(_ status: CacheStatus, age: Int, freshnessLeft: Int) -> ImageResponse? {
            let isWanted =
                self.age == age && self.freshnessLeft == freshnessLeft && response.head.cacheStatus == status
            return isWanted ? response : nil
        }
    }

    private let last = Mutex<Made?>(nil)

    /// The response with this status, as `stored` is at `now`. It is made by `make` where the last one was another.
    func response(
        _ status: CacheStatus, _ stored: StoredResponse, at now: Int64, _ make: () -> ImageResponse
    ) -> ImageResponse {
        let (age, freshnessLeft) = (stored.age(at: now), stored.freshnessLeft(at: now))
        let known = last.withLock { $0 }?.response(status, age: age, freshnessLeft: freshnessLeft)
        if let known { return known }
        var response = make()
        response.headBytes = response.head.bytes
        let made = Made(response, age: age, freshnessLeft: freshnessLeft)
        let before = last.withLock { last in exchange(&last, with: made) }
        withExtendedLifetime(before) {}  // Freed here, outside the lock.
        return response
    }
}
