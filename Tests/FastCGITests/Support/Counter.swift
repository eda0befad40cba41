import Dispatch
import FastCGI
import Synchronization

/// Answers requests with their names, and notes which came together. Some take until the test ends them: those that are
/// held keep their worker, which waits as if it were at work, and those that wait let another run in its place.
final class Counter: Sendable {
    let turnstile: Turnstile
    private let notes = Mutex<[[String]]>([])
    private let begun: [String: DispatchSemaphore]
    private let ended: [String: DispatchSemaphore]

    /// Nothing a test waits for takes this long: it ends a test that would hang.
    private static var patience: DispatchTime { .now() + .seconds(60) }

    init(limit: Int = 64) {
        turnstile = Turnstile(limit: limit)
        let slow = ["hold", "hold too", "wait"]
        begun = .init(uniqueKeysWithValues: slow.map { ($0, DispatchSemaphore(value: 0)) })
        ended = .init(uniqueKeysWithValues: slow.map { ($0, DispatchSemaphore(value: 0)) })
    }

    func serve(_ arrivals: FastCGIArrivals) {
        let place = notes.withLock { notes in
            notes.append([])
            return notes.count - 1
        }
        arrivals.forEach { request in
            notes.withLock { $0[place].append(request.name) }
            if let end = ended[request.name] {
                begun[request.name]?.signal()
                if request.name == "wait" {
                    turnstile.blocking { _ = end.wait(timeout: Self.patience) }
                } else {
                    _ = end.wait(timeout: Self.patience)
                }
            }
            try? request.answer(request.name)
        }
    }

    /// Whether a worker has come to `name`.
    func hasBegun(_ name: String) -> Bool { begun[name]?.wait(timeout: Self.patience) == .success }

    /// Lets the one that is at `name` go on.
    func end(_ name: String) { ended[name]?.signal() }

    /// The names of the requests that came together, in order, but for those by which connections became known.
    var batches: [[String]] { notes.withLock { $0 }.filter { $0 != ["known"] } }
}

extension FastCGIRequest {
    fileprivate var name: String { param("N") ?? "?" }
}
