internal import Curl
import Synchronization

/// Transfers, and those that rest between two fetches with the connections that they keep open.
///
/// The one used last for the same origin is preferred: it has the connection. One of another origin keeps its own for the
/// next who asks there, as long as there may be one more; then the one that has rested longest is used.
final class TransferPool: Sendable {
    private let settings: CurlTransfer.Settings
    private let state = Mutex(State())

    private struct State {
        /// Those that rest, the one used last at the end.
        var resting: [Resting] = []
        var used = 0

        /// One that rests; nil when a new one is to be made.
        mutating func take(for origin: String) -> Resting? {
            used += 1
            if let index = resting.lastIndex(where: { $0.origin == origin }) { return resting.remove(at: index) }
            // However few descriptors there are, what rests leaves as many as all workers need.
            let mayBeMore = used + resting.count <= OpenFiles.workers && resting.count < OpenFiles.resting
            return mayBeMore || resting.isEmpty ? nil : resting.removeFirst()
        }

        /// Keeps one that was used. One that there is no room for.
        mutating func give(back transfer: Resting) -> Resting? {
            used -= 1
            resting.append(transfer)
            return resting.count > OpenFiles.resting ? resting.removeFirst() : nil
        }
    }

    private struct Resting: @unchecked Sendable {
        // Sendable because the lock hands it to one thread at a time, and nobody keeps it after giving it back.
        let transfer: CurlTransfer
        let origin: String
    }

    init(_ settings: CurlTransfer.Settings) { self.settings = settings }

    /// Runs `body` with a transfer, preferably one that is connected to `origin`.
    func withTransfer<Result>(
        to origin: String, _ body: (CurlTransfer) throws(CurlError) -> Result
    ) throws(CurlError) -> Result {
        let transfer = try take(for: origin)
        defer { give(back: transfer, of: origin) }
        return try body(transfer)
    }

    private func take(for origin: String) throws(CurlError) -> CurlTransfer {
        if let found = state.withLock({ $0.take(for: origin) }) { return found.transfer }
        do { return try CurlTransfer(settings) } catch {
            state.withLock { $0.used -= 1 }
            throw error
        }
    }

    private func give(back transfer: CurlTransfer, of origin: String) {
        let rest = Resting(transfer: transfer, origin: origin)
        let surplus = state.withLock { $0.give(back: rest) }
        _ = surplus  // Freed here, outside the lock: closing connections takes its time.
    }
}
