public import Logging
public import ProxyCore

/// The cache as its operator's commands see it: Redis or the folder itself, without the memory of any process.
///
/// What changes here is seen by every process within a second, since each compares what it has in memory with it.
public final class CacheOperator: Sendable {
    let configuration: Configuration
    private let cache: any OperatedCache

    /// Connects to nothing yet. Throws where no cache is configured.
    public init(_ configuration: Configuration, logger: Logger) throws(CacheFailure) {
        self.configuration = configuration
        switch configuration.cache.store {
        case .redis(let location): cache = RedisOperator(location, configuration, logger: logger)
        case .directory(let path): cache = FileOperator(path, configuration, logger: logger)
        case .off: throw CacheFailure(reason: "IMAGE_PROXY_CACHE is \(configuration.cache.store)")
        }
    }

    /// Throws when the cache cannot be asked.
    public func check() throws(CacheFailure) { try cache.check() }

    /// How long whoever is asked over HTTP may take.
    public var fetchSettings: Configuration.Fetch { configuration.fetch }

    /// What is in the cache now, counted entry by entry, and what hosts have counted. Nil when it was stopped before its end.
    public func statistics(_ supervision: Supervision) throws(CacheFailure) -> OperatorStatistics? {
        try cache.statistics(supervision)
    }

    /// Looks at everything about a source, and reads its image whole to see whether it is sound.
    public func inspect(_ urlText: String) throws(CacheFailure) -> CacheInspection { try cache.inspect(urlText) }

    /// Removes all that belongs to the sources of a selection, or only says what that is. `found` is told each source of
    /// which there is anything.
    ///
    /// An image that is being fetched meanwhile may come into the cache after it.
    public func purge(
        _ selection: CacheSelection, isDryRun: Bool, _ supervision: Supervision, found: (String) -> Void = { _ in }
    ) throws(CacheFailure) -> PurgeReport {
        try cache.purge(selection, isDryRun: isDryRun, supervision, found: found)
    }

    /// Looks at everything of ours and removes what is of no use, or only says what that is. Every image is read whole.
    ///
    /// What changes meanwhile is left alone.
    public func clean(isDryRun: Bool, _ supervision: Supervision) throws(CacheFailure) -> CleanReport {
        try cache.clean(isDryRun: isDryRun, supervision)
    }

    /// Nil where there is no record that can be read.
    func state(of urlText: String) throws(CacheFailure) -> CacheState? { try cache.state(of: urlText) }
}

/// A kind of cache that operators can work on; `CacheOperator` says what each of these does.
protocol OperatedCache: Sendable {
    func check() throws(CacheFailure)
    func statistics(_ supervision: Supervision) throws(CacheFailure) -> OperatorStatistics?
    func inspect(_ urlText: String) throws(CacheFailure) -> CacheInspection
    func purge(
        _ selection: CacheSelection, isDryRun: Bool, _ supervision: Supervision, found: (String) -> Void
    ) throws(CacheFailure) -> PurgeReport
    func clean(isDryRun: Bool, _ supervision: Supervision) throws(CacheFailure) -> CleanReport
    func state(of urlText: String) throws(CacheFailure) -> CacheState?
}

/// Work over many keys or images: whether it is to stop, and whom to tell how far it is. Called by any thread.
public struct Supervision: Sendable {
    /// True from when on nothing new is to be begun.
    public let isStopped: @Sendable () -> Bool
    /// Told how much is done, and about how much there is.
    public let advanced: @Sendable (_ done: Int, _ total: Int) -> Void

    public init(
        isStopped: @escaping @Sendable () -> Bool, advanced: @escaping @Sendable (_ done: Int, _ total: Int) -> Void
    ) {
        self.isStopped = isStopped
        self.advanced = advanced
    }
}
