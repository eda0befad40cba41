internal import Base64
internal import Redis
import FastCGI
import Logging
import ProxyCore
import Synchronization

/// Images in Redis, in the record that the TypeScript application shares, or raw.
///
/// Sendable: connections come from the pool and go back to it; what else it holds is immutable or behind a lock.
final class RedisTier: SharedTier {
    let pool: RedisPool
    let health: RedisHealth
    /// Fingerprints of large records: some tens of kilobytes.
    let verified = RecentSet(capacity: 4096)
    /// Keys of records that one look-up brings whole.
    let short = RecentSet(capacity: 8192)
    /// How and when Redis last refused to be asked for several at once.
    let refusal = Mutex<(error: RedisError, at: ContinuousClock.Instant)?>(nil)
    private let suspected = RecentSet(capacity: 256)
    /// For records of another layout than ours that are too long to be read as they are: one of the longest at a time.
    private let foreign = StoreBudget(limit: 64 << 20)
    /// For records of ours that nobody has read yet: eight of the longest that are held, or twice as many of half a megabyte.
    private let unread: StoreBudget
    private static let mostUnread = 8 << 20
    let imageKeys: CacheKeyTemplate
    private let metadataKeys: CacheKeyTemplate
    let settings: Configuration.Cache
    let turnstile: Turnstile
    let census: Census
    let logger: Logger
    private let metrics: Metrics

    init(
        _ location: RedisLocation, _ settings: Configuration.Cache, turnstile: Turnstile, metrics: Metrics,
        logger: Logger
    ) {
        let endpoint = RedisEndpoint(location)
        let timeouts = RedisTimeouts(connect: settings.timeout, command: settings.timeout)
        self.settings = settings
        self.turnstile = turnstile
        self.metrics = metrics
        self.logger = logger
        unread = StoreBudget(limit: min(Self.mostUnread, settings.storeBudget.bytes / 4))
        census = Census()
        imageKeys = settings.imageKey
        metadataKeys = settings.metadataKey
        pool = RedisPool(to: endpoint, timeouts: timeouts, capacity: OpenFiles.resting) {
            WorkerPulse.current?.leaveTheRest()
        }
        // What a look-up asks: there are servers that answer PING and not that.
        let probed = imageKeys.key(for: "").bytes
        health = RedisHealth(logger: logger) { () throws(RedisError) in
            _ = try RedisConnection(to: endpoint, timeouts: timeouts)
                .openString(probed, tail: ImageRecord.tailLength, limit: 0)
        }
    }

    var isAvailable: Bool { health.isAvailable }

    func lookup(_ key: CacheKey) -> CacheLookup {
        guard health.permitsReads() else { return .unavailable }
        do {
            let reading = reading(key)
            let found = try turnstile.waitingBriefly { () throws(RecordReading.Failure) in try reading.open() }
            guard let image = found else { return .absent }
            return .hit(image)
        } catch {
            return failed(error)
        }
    }

    func reading(_ key: CacheKey) -> RecordReading {
        RecordReading(
            key: key, pool: pool, verified: verified, short: short, suspected: suspected, limit: longestRecord,
            patience: settings.timeout * 2, foreign: foreign, unread: unread
        ) { [metrics, health] error in
            metrics.cacheFailures.add()
            health.failed(error)
        }
    }

    /// What a look-up found that failed.
    func failed(_ failure: RecordReading.Failure) -> CacheLookup {
        switch failure {
        case .damaged(let reason): return .damaged(reason: reason)
        case .redis(let error):
            metrics.cacheFailures.add()
            health.failed(error)
            // A value of another type, or one too large to be ours, is no reason to distrust the server.
            return error.reach == .value ? .damaged(reason: "\(error)") : .unavailable
        }
    }

    func key(for urlText: String) -> CacheKey { imageKeys.key(for: urlText) }

    /// The fingerprint of the record that is there now; nil when Redis cannot be asked. That of no record is no other's.
    func fingerprint(of key: CacheKey) -> RecordFingerprint? {
        guard health.permitsReads() else { return nil }
        do throws(RedisError) {
            let replies = try turnstile.waitingBriefly { () throws(RedisError) in
                try pool.withConnection { (connection) throws(RedisError) in
                    try connection.pipeline(Self.tailCommands(RedisArgument(key.bytes)))
                }
            }
            // A server that refuses (it loads its data, it wants a password) tells nothing about the record.
            if case .error(let message) = replies.first {
                let refusal = RedisError(refusal: message)
                guard refusal.reach == .value else { throw refusal }
            }
            let (tail, length) = Self.tail(replies[...]) ?? ([], -1)
            return RecordFingerprint(key: key, tail: tail, length: length)
        } catch {
            health.failed(error)
            return nil
        }
    }

    func makeWriter(for urlText: String, length: Int?) -> any CacheWriter {
        RedisWriter(self, key(for: urlText), settings.format, length: length)
    }

    /// Removes a key that nobody will miss, if Redis is there; else it expires.
    func unlink(_ key: RedisArgument) {
        guard health.permitsReads() else { return }
        do throws(RedisError) {
            _ = try pool.withConnection { (connection) throws(RedisError) in try connection.command(["UNLINK", key]) }
        } catch {
            health.failed(error)
        }
    }

    func remove(_ urlText: String) { unlink(RedisArgument(key(for: urlText).bytes)) }

    func storeMetadata(_ metadata: ImageMetadata, of urlText: String) throws(CacheFailure) {
        let value = metadata.encoded()
        try write { (connection) throws(RedisError) in
            try connection.setString(
                metadataKeys.key(for: urlText).bytes, expiry: settings.metadataTTL, length: value.count
            ) { (writer) throws(RedisError) in try writer.write(value.span) }
        }
    }

    func write<Result: Sendable>(
        _ body: (RedisConnection) throws(RedisError) -> Result
    ) throws(CacheFailure) -> Result {
        guard health.permitsWrites() else { throw CacheFailure(reason: health.writeProblem ?? "Redis is away") }
        do {
            return try pool.withConnection(body)
        } catch {
            metrics.cacheFailures.add()
            health.failedToWrite(error)
            throw CacheFailure(reason: "\(error)")
        }
    }

    /// Runs a script that writes. A server where none may be run is none the worse for it.
    func run(_ script: RedisScript) throws(CacheFailure) -> RedisReply {
        let reply = try write { (connection) throws(RedisError) in
            try connection.pipeline([script.command]).first ?? .null
        }
        guard case .error(let message) = reply else { return reply }
        let refusal = RedisError(refusal: message)
        if refusal.reach == .writes { health.failedToWrite(refusal) }
        throw CacheFailure(reason: "\(refusal)")
    }

    /// The longest value that is read as a record: the gate's, but no less than a generous one, since a gate that was
    /// lowered must not turn what is cached into misses.
    private var longestRecord: Int {
        Base64.encodedLength(max(settings.maximumSize.bytes, 16 << 20)) + (64 << 10)
    }
}

extension RedisEndpoint {
    init(_ location: RedisLocation) {
        let address: Address =
            switch location.endpoint {
            case .server(let host, let port): .tcp(host: host, port: port)
            case .socket(let path): .unix(path: path)
            }
        self.init(
            address, user: location.user, password: location.password?.reveal(), database: location.database)
    }
}
