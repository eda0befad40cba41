internal import Redis
import Glibc
import ProxyCore

extension RedisTier {
    /// Walks the keys and reads the end of each record, where its size and times stand: the images stay where they are,
    /// so the time grows with the number of entries and not with their bytes. Expired and evicted entries are not there.
    func statistics() throws(CacheFailure) -> CacheStatistics {
        try statistics { _ in true } ?? CacheStatistics()
    }

    /// The same, as long as `goesOn`, which is told how many keys were looked at; nil when it was not for the whole walk.
    func statistics(while goesOn: (Int) -> Bool) throws(CacheFailure) -> CacheStatistics? {
        try read { (connection) throws(RedisError) in
            var walk = RecordWalk(imageKeys.matchPattern)
            var looked = 0
            while try walk.step(on: connection) {
                looked += RecordWalk.scanCount
                guard goesOn(looked) else { return nil }
            }
            return walk.statistics
        }
    }

    /// Asks Redis something for the statistics, where it can be asked.
    func read<Result: Sendable>(
        _ body: (RedisConnection) throws(RedisError) -> Result
    ) throws(CacheFailure) -> Result {
        guard health.permitsReads() else { throw CacheFailure(reason: "Redis is away") }
        do {
            return try pool.withConnection(body)
        } catch {
            health.failed(error)
            throw CacheFailure(reason: "\(error)")
        }
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

/// One walk through the records of a Redis, in steps of about a millisecond, with anything between them.
struct RecordWalk {
    private(set) var statistics = CacheStatistics()
    private let pattern: RedisArgument
    private var cursor = RedisArgument("0")
    /// SCAN names a key twice when its table has shrunk meanwhile. Beyond so many keys that is borne.
    private var seen: Set<Int> = []
    private static let mostSeen = 1 << 18

    /// Keys that one SCAN looks at, and so the most tails that are asked for at once.
    static let scanCount = 250

    init(_ pattern: [UInt8]) { self.pattern = RedisArgument(pattern) }

    /// Goes on for one step; false when there is nothing left.
    mutating func step(on connection: RedisConnection) throws(RedisError) -> Bool {
        let reply = try connection.command(["SCAN", cursor, "MATCH", pattern, "COUNT", RedisArgument(Self.scanCount)])
        guard case .array(let parts) = reply, parts.count == 2, case .string(let next) = parts[0],
            case .array(let found) = parts[1]
        else { throw .protocolViolation }
        cursor = RedisArgument(next)
        var keys: [RedisArgument] = []
        for case .string(let key) in found where isNew(key) { keys.append(RedisArgument(key)) }
        try count(keys, on: connection)
        return next != [UInt8(ascii: "0")]
    }

    private mutating func isNew(_ key: [UInt8]) -> Bool {
        guard seen.count < Self.mostSeen else { return true }
        return seen.insert(key.hashValue).inserted
    }

    /// Counts records by their ends, all asked for in one round trip; what expired meanwhile, is none, or is laid out in
    /// another way, does not count. Most ends are short, and the few that are not are asked for once more.
    private mutating func count(_ keys: [RedisArgument], on connection: RedisConnection) throws(RedisError) {
        let long = try count(keys, byTheLast: Self.usualTail, on: connection)
        _ = try count(long, byTheLast: RedisArgument(-ImageRecord.tailLength), on: connection)
    }

    private static let usualTail = RedisArgument(-ImageRecord.usualTailLength)
    private static let end = RedisArgument(-1)

    /// Returns the keys of strings of which no record can be made so.
    private mutating func count(
        _ keys: [RedisArgument], byTheLast tail: RedisArgument, on connection: RedisConnection
    ) throws(RedisError) -> [RedisArgument] {
        guard !keys.isEmpty else { return [] }
        var commands: [[RedisArgument]] = []
        commands.reserveCapacity(keys.count * 2)
        for key in keys { commands += [["GETRANGE", key, tail, Self.end], ["STRLEN", key]] }
        let replies = try connection.pipeline(commands)
        var others: [RedisArgument] = []
        for (place, key) in keys.enumerated() where place * 2 < replies.count {
            guard let found = RedisTier.tail(replies[(place * 2)...]), found.length > 0 else { continue }
            if let record = ImageRecord.parse(tail: found.bytes.span, length: found.length)?.record {
                statistics.count(record)
            } else {
                others.append(key)
            }
        }
        return others
    }
}
