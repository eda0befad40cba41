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
        var news = FailureNews()
        /// What the last try has failed with.
        var problem: String?
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
        do { try probe() } catch {
            // It is more than a moment.
            let mustSay = state.withLock { state in
                state.problem = "\(error)"
                return state.news.mustSay(isNew: false)
            }
            if mustSay { say(error) }
            return false
        }
        let wasSaid = state.withLock { state in
            let wasSaid = state.news.end()
            state = State(news: state.news)
            return wasSaid
        }
        if wasSaid { logger.notice("The cache's folder can be used again") }
        return true
    }

    /// What the last try has failed with; nil while it does not fail.
    var problem: String? { state.withLock { $0.problem } }

    /// Takes note of a failure, as far as it tells anything about the folder.
    func failed(_ error: FileError) {
        guard error.reach == .all else { return }
        let mustSay = state.withLock { state in
            let isNew = state.nextTry == nil
            (state.nextTry, state.problem) = (.now + Self.pause, "\(error)")
            return isNew && state.news.mustSay(isNew: true)
        }
        if mustSay { say(error) }
    }

    private func say(_ error: FileError) {
        logger.warning(
            "The cache's folder cannot be used; images are served without storing them",
            metadata: [LogKeys.reason: "\(error)"])
    }
}
