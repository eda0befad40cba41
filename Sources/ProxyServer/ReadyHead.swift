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
    }

    private let last = Mutex<Made?>(nil)

    /// The response at an `age`, whose `status` says for how long it is fresh. It is made by `make` where the last one was
    /// another.
    func response(_ status: CacheStatus, age: Int, _ make: () -> ImageResponse) -> ImageResponse {
        let known = last.withLock { made in
            made.flatMap { $0.age == age && $0.response.head.cacheStatus == status ? $0.response : nil }
        }
        if let known { return known }
        var response = make()
        response.headBytes = response.head.bytes
        let made = Made(response: response, age: age)
        last.withLock { $0 = made }
        return response
    }
}
