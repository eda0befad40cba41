internal import Curl
import Synchronization

/// Transfers that rest between two fetches, with the connections that they keep open.
///
/// The one used last for the same origin is preferred: it has the connection. One of another origin keeps its own for the
/// next who asks there, as long as there is room for one more; then the one that has rested longest is used.
final class TransferPool: Sendable {
    private let settings: CurlTransfer.Settings
    private let resting = Mutex<[Resting]>([])

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
        let found = resting.withLock { resting -> Resting? in
            if let index = resting.lastIndex(where: { $0.origin == origin }) { return resting.remove(at: index) }
            return resting.count < OpenFiles.resting ? nil : resting.removeFirst()
        }
        if let found { return found.transfer }
        return try CurlTransfer(settings)
    }

    private func give(back transfer: CurlTransfer, of origin: String) {
        let rest = Resting(transfer: transfer, origin: origin)
        let surplus = resting.withLock { resting -> Resting? in
            resting.append(rest)
            return resting.count > OpenFiles.resting ? resting.removeFirst() : nil
        }
        _ = surplus  // Freed here, outside the lock: closing connections takes its time.
    }
}
