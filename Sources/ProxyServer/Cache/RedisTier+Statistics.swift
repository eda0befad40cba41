internal import Redis
import ProxyCore

extension RedisTier {
    /// Keys that one SCAN looks at, and so the most tails that are asked for at once.
    private static let scanCount = 250

    /// Walks the keys and reads the end of each record, where its size and times stand: the images stay where they are,
    /// so the time grows with the number of entries and not with their bytes. Expired and evicted entries are not there.
    func statistics() throws(CacheFailure) -> CacheStatistics {
        guard health.permitsReads() else { throw CacheFailure(reason: "Redis is away") }
        do {
            return try pool.withConnection { (connection) throws(RedisError) in
                var statistics = CacheStatistics()
                var seen: Set<[UInt8]> = []
                var cursor = RedisArgument("0")
                repeat {
                    let keys = try scan(connection, &cursor).filter { seen.insert($0).inserted }
                    for tail in try tails(of: keys, connection) { statistics.count(tail) }
                } while cursor.bytes != [UInt8(ascii: "0")]
                return statistics
            }
        } catch {
            health.failed(error)
            throw CacheFailure(reason: "\(error)")
        }
    }

    private func scan(
        _ connection: RedisConnection, _ cursor: inout RedisArgument
    ) throws(RedisError) -> [[UInt8]] {
        let reply = try connection.command([
            "SCAN", cursor, "MATCH", RedisArgument(imageKeys.matchPattern), "COUNT", RedisArgument(Self.scanCount),
        ])
        guard case .array(let parts) = reply, parts.count == 2, case .string(let next) = parts[0],
            case .array(let keys) = parts[1]
        else { throw .protocolViolation }
        cursor = RedisArgument(next)
        return keys.compactMap { if case .string(let key) = $0 { key } else { nil } }
    }

    /// The end of each value and its length, in the same round trip; what expired meanwhile is empty.
    private func tails(
        of keys: [[UInt8]], _ connection: RedisConnection
    ) throws(RedisError) -> [(bytes: [UInt8], length: Int)] {
        guard !keys.isEmpty else { return [] }
        let replies = try connection.pipeline(keys.flatMap { Self.tailCommands(RedisArgument($0)) })
        return stride(from: 0, to: replies.count, by: 2).compactMap { Self.tail(replies[$0...]) }
    }

    /// Asks for the end of a value and its length.
    static func tailCommands(_ key: RedisArgument) -> [[RedisArgument]] {
        [["GETRANGE", key, RedisArgument(-ImageRecord.tailLength), "-1"], ["STRLEN", key]]
    }

    /// The answers to `tailCommands`; nil when the value is no string.
    static func tail(_ replies: ArraySlice<RedisReply>) -> (bytes: [UInt8], length: Int)? {
        guard replies.count >= 2, case .string(let bytes) = replies[replies.startIndex],
            case .integer(let length) = replies[replies.startIndex + 1]
        else { return nil }
        return (bytes, Int(length))
    }
}

extension CacheStatistics {
    /// Counts a record by its end; what is none, or is laid out in another way, does not count.
    mutating func count(_ tail: (bytes: [UInt8], length: Int)) {
        guard let record = ImageRecord.parse(tail: tail.bytes.span, length: tail.length)?.record else { return }
        totalImages += 1
        totalSize += record.size
        oldestCache = min(oldestCache ?? .max, record.cachedAt)
        newestCache = max(newestCache ?? .min, record.cachedAt)
    }
}
