internal import Base64
internal import Redis
import FastCGI
import Logging
import ProxyCore

/// Images in Redis, in the record that the TypeScript application shares.
///
/// Sendable: connections come from the pool and go back to it; what else it holds is immutable or behind a lock.
final class RedisTier: CacheTier {
    let pool: RedisPool
    let health: RedisHealth
    /// Fingerprints of large records: some tens of kilobytes.
    private let verified = RecentSet(capacity: 4096)
    let imageKeys: CacheKeyTemplate
    private let metadataKeys: CacheKeyTemplate
    private let settings: Configuration.Cache
    private let turnstile: Turnstile
    private let metrics: Metrics
    private let clock: WallClock

    init(
        _ location: RedisLocation, _ settings: Configuration.Cache, turnstile: Turnstile, metrics: Metrics,
        logger: Logger,
        clock: @escaping WallClock = systemClock
    ) {
        let endpoint = RedisEndpoint(location)
        let timeouts = RedisTimeouts(connect: settings.timeout, command: settings.timeout)
        self.settings = settings
        self.turnstile = turnstile
        self.metrics = metrics
        self.clock = clock
        imageKeys = settings.imageKey
        metadataKeys = settings.metadataKey
        pool = RedisPool(to: endpoint, timeouts: timeouts, capacity: OpenFiles.resting)
        // A question about a key, as a look-up is: PING is answered by servers that refuse those.
        let probed = RedisArgument(imageKeys.key(for: "").bytes)
        health = RedisHealth(logger: logger) { () throws(RedisError) in
            _ = try RedisConnection(to: endpoint, timeouts: timeouts).command(["EXISTS", probed])
        }
    }

    var isAvailable: Bool { health.isAvailable }

    func lookup(_ urlText: String) -> CacheLookup { lookup(key(for: urlText)) }

    func lookup(_ key: CacheKey) -> CacheLookup {
        guard health.permitsReads() else { return .unavailable }
        do {
            let reading = RecordReading(
                key: key, pool: pool, verified: verified, limit: longestRecord,
                patience: settings.timeout * 2)
            let found = try turnstile.waitingBriefly { () throws(RecordReading.Failure) in try reading.open() }
            guard let image = found else { return .absent }
            guard image.expiresAt > clock() else { return .absent }
            return .hit(image)
        } catch {
            return failed(error)
        }
    }

    private func failed(_ failure: RecordReading.Failure) -> CacheLookup {
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

    func store(
        _ image: TeeBuffer, of urlText: String, type: MediaType, fetchedAt: Int64
    ) throws(CacheFailure) {
        let lifetime = settings.imageTTL
        let record = ImageRecord(
            contentType: type.contentType, size: image.size, cachedAt: fetchedAt,
            expiresAt: fetchedAt + Int64(lifetime.wholeMilliseconds))
        let (opening, closing) = (ImageRecord.opening, record.closing())
        try write { (connection) throws(RedisError) in
            try connection.setString(
                imageKeys.key(for: urlText).bytes, expiry: lifetime, length: record.encodedLength()
            ) { (writer) throws(RedisError) in
                try writer.write(opening.span)
                var text: [UInt8] = []
                for chunk in image.chunks {
                    text.removeAll(keepingCapacity: true)
                    Base64.encode(chunk.span, appendingTo: &text)
                    try writer.write(text.span)
                }
                try writer.write(closing.span)
            }
        }
    }

    func storeMetadata(_ metadata: ImageMetadata, of urlText: String) throws(CacheFailure) {
        let value = metadata.encoded()
        try write { (connection) throws(RedisError) in
            try connection.setString(
                metadataKeys.key(for: urlText).bytes, expiry: settings.metadataTTL, length: value.count
            ) { (writer) throws(RedisError) in try writer.write(value.span) }
        }
    }

    private func write(_ body: (RedisConnection) throws(RedisError) -> Void) throws(CacheFailure) {
        guard health.permitsWrites() else { throw CacheFailure(reason: "Redis is away") }
        do {
            try pool.withConnection(body)
        } catch {
            metrics.cacheFailures.add()
            health.failed(error)
            throw CacheFailure(reason: "\(error)")
        }
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
