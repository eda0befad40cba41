internal import FastCGI
internal import Redis
public import Logging
public import ProxyCore

/// The cache as its operator's commands see it: Redis itself, without the memory of any process.
///
/// What changes here is seen by every process within a second, since each compares what it has in memory with Redis.
public final class CacheOperator: Sendable {
    let tier: RedisTier
    let keys: CacheKeys
    let configuration: Configuration

    /// Nobody waits for an image: a server that is busy may take its time.
    private static let patience = Duration.seconds(10)

    /// Connects to nothing yet. Throws where no cache is configured.
    public init(_ configuration: Configuration, logger: Logger) throws(CacheFailure) {
        guard case .redis(let location) = configuration.cache.store else {
            throw CacheFailure(reason: "IMAGE_PROXY_CACHE is \(configuration.cache.store)")
        }
        var settings = configuration.cache
        settings.timeout = max(settings.timeout, Self.patience)
        self.configuration = configuration
        keys = CacheKeys(settings)
        tier = RedisTier(location, settings, turnstile: Turnstile(limit: 1), metrics: Metrics(), logger: logger)
    }

    /// How long whoever is asked over HTTP may take.
    public var fetchSettings: Configuration.Fetch { configuration.fetch }

    /// Throws when the cache cannot be asked.
    public func check() throws(CacheFailure) { _ = try state(of: "") }

    /// What is in the cache now.
    public func statistics() throws(CacheFailure) -> CacheStatistics { try tier.statistics() }

    /// Asks several things at once. An answer that is an error stands in its place, where it is about one value only.
    func ask(_ commands: [[RedisArgument]]) throws(CacheFailure) -> [RedisReply] {
        try asking { (connection) throws(RedisError) in
            let replies = try connection.pipeline(commands)
            for case .error(let message) in replies {
                let refusal = RedisError(refusal: message)
                guard refusal.reach == .value else { throw refusal }
            }
            return replies
        }
    }

    func asking<Result: Sendable>(
        _ body: (RedisConnection) throws(RedisError) -> Result
    ) throws(CacheFailure) -> Result {
        do { return try tier.pool.withConnection(body) } catch { throw CacheFailure(reason: "\(error)") }
    }
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

extension RedisReply {
    var integer: Int64? { if case .integer(let integer) = self { integer } else { nil } }
    var string: [UInt8]? { if case .string(let bytes) = self { bytes } else { nil } }
    var isError: Bool { if case .error = self { true } else { false } }
}
