internal import Files
import Logging
import Synchronization

/// Decides whether the folder of the embedded store is written to, so that a disk that is full or has gone is tried once a
/// second and not by every request, and is said once.
///
/// What is in it goes on being read: a disk that takes nothing any more may give for long.
final class FileHealth: Sendable {
    private let probe: @Sendable () throws(FileError) -> Void
    private let logger: Logger
    private let state = Mutex<State>(State())

    private struct State {
        /// Set while it fails: when to try again.
        var nextTry: ContinuousClock.Instant?
    }

    private static let pause = Duration.seconds(1)

    /// `probe` writes something, and removes it.
    init(logger: Logger, probe: @escaping @Sendable () throws(FileError) -> Void) {
        self.probe = probe
        self.logger = logger
    }

    /// Whether to write now. Once a second, while it fails, it is tried here.
    func permitsWrites() -> Bool {
        let isDue = state.withLock { state -> Bool? in
            guard let next = state.nextTry else { return nil }
            guard ContinuousClock.now >= next else { return false }
            state.nextTry = .now + Self.pause
            return true
        }
        guard let isDue else { return true }
        guard isDue else { return false }
        do { try probe() } catch { return false }
        let wasFailing = state.withLock { state in
            defer { state.nextTry = nil }
            return state.nextTry != nil
        }
        if wasFailing { logger.notice("The cache's folder can be used again") }
        return true
    }

    /// Takes note of a failure, as far as it tells anything about the folder.
    func failed(_ error: FileError) {
        guard error.reach == .all else { return }
        let isNew = state.withLock { state in
            defer { state.nextTry = .now + Self.pause }
            return state.nextTry == nil
        }
        if isNew {
            logger.warning(
                "The cache's folder cannot be used; images are served without storing them",
                metadata: [LogKeys.reason: "\(error)"])
        }
    }
}
