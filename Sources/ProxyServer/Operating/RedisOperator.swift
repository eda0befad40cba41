internal import FastCGI
internal import Redis
import Logging
import ProxyCore

/// Redis as its operator's commands see it.
final class RedisOperator: OperatedCache {
    let tier: RedisTier
    let keys: CacheKeys
    let configuration: Configuration

    /// Nobody waits for an image: a server that is busy may take its time.
    private static let patience = Duration.seconds(10)

    /// Connects to nothing yet.
    init(_ location: RedisLocation, _ configuration: Configuration, logger: Logger) {
        var settings = configuration.cache
        settings.timeout = max(settings.timeout, Self.patience)
        self.configuration = configuration
        keys = CacheKeys(settings)
        tier = RedisTier(location, settings, turnstile: Turnstile(limit: 1), metrics: Metrics(), logger: logger)
    }

    func check() throws(CacheFailure) { _ = try state(of: "") }

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

extension RedisReply {
    var integer: Int64? { if case .integer(let integer) = self { integer } else { nil } }
    var string: [UInt8]? { if case .string(let bytes) = self { bytes } else { nil } }
    var isError: Bool { if case .error = self { true } else { false } }
}

extension RedisOperator {
    /// Nil where there is no record, or none that can be read from its end.
    func state(of urlText: String) throws(CacheFailure) -> CacheState? {
        let key = tier.key(for: urlText)
        let replies = try ask(RedisTier.tailCommands(.init(key.bytes)))
        guard let end = RedisTier.tail(replies[...]),
            let record = ImageRecord.parse(tail: end.bytes.span, length: end.length)?.record
        else { return nil }
        return CacheState(
            isFresh: StoredResponse(record).use(at: systemClock()) == .fresh, size: record.size,
            fingerprint: RecordFingerprint(key: key, tail: end.bytes, length: end.length))
    }
}
