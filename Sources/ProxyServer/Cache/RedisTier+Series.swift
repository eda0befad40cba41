internal import Redis
import FastCGI
import Logging
import ProxyCore
import Synchronization

/// Several look-ups in one trip: under load most of what a short record costs is going to Redis for it.
extension RedisTier {
    /// Only those of which it is known that one piece brings them whole: a long one would keep the others waiting.
    func effort(for key: CacheKey) -> LookupEffort {
        short.contains(key.hashValue) && isAskedTogether ? .shared : .own
    }

    /// A server that refuses MGET to us, or for keys of several slots, is asked for one after the other for a while.
    private var isAskedTogether: Bool { refusal.withLock { $0.map { $0.at + Self.pause < .now } ?? true } }

    private static var pause: Duration { .seconds(10) }

    fileprivate func refusedTogether(_ error: RedisError) {
        let before = refusal.withLock { refusal in exchange(&refusal, with: (error, .now)) }
        guard before?.error != error else { return }
        logger.notice(
            "Redis refuses MGET; images that could be asked for together are asked for one by one",
            metadata: [LogKeys.reason: "\(error)"])
    }

    func lookups(of keys: [CacheKey]) -> (any LookupSeries)? {
        guard health.permitsReads() else { return nil }
        do throws(RedisError) {
            return try turnstile.waitingBriefly { () throws(RedisError) in
                let lease = try pool.lease()
                let asked = ContinuousClock.now
                try lease.connection.askForValues(of: keys.map(\.bytes), upTo: RecordReading.wholeLength)
                return RedisSeries(self, lease, keys, asked)
            }
        } catch {
            _ = failed(.redis(error))
            return nil
        }
    }
}

private final class RedisSeries: LookupSeries {
    private let tier: RedisTier
    private let lease: RedisLease
    private var keys: ArraySlice<CacheKey>
    private let asked: ContinuousClock.Instant

    init(_ tier: RedisTier, _ lease: RedisLease, _ keys: [CacheKey], _ asked: ContinuousClock.Instant) {
        self.tier = tier
        self.lease = lease
        self.keys = keys[...]
        self.asked = asked
    }

    func next() -> CacheLookup? {
        // A server that is slow with each answer, within its time, must not be waited for again and again.
        guard let key = keys.popFirst(), .now - asked < tier.settings.timeout else { return nil }
        do throws(RedisError) {
            let value = try tier.turnstile.waitingBriefly { () throws(RedisError) in try lease.connection.nextValue() }
            guard let value else {
                tier.short.remove(key.hashValue)
                return nil
            }
            return lookup(of: value, key)
        } catch {
            return failed(error, key)
        }
    }

    /// Takes the record, which is decoded where it lies: while anybody else had it, that would copy all of it first.
    private func lookup(of record: consuming [UInt8], _ key: CacheKey) -> CacheLookup {
        let fingerprint = RecordFingerprint(key: key, record: copy record)
        do {
            return .hit(try tier.reading(key).whole(consume record, fingerprint, readAt: asked))
        } catch {
            return tier.failed(error)
        }
    }

    /// The others are asked for anew, if Redis is to be asked.
    private func failed(_ error: RedisError, _ key: CacheKey) -> CacheLookup? {
        keys = []
        switch error {
        case .tooLarge:
            tier.short.remove(key.hashValue)
            return nil
        case .refused:
            tier.refusedTogether(error)
            return nil
        default: return tier.failed(.redis(error))
        }
    }
}
