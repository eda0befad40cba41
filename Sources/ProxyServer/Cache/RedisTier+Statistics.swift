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
        guard health.permitsReads() else { throw CacheFailure(reason: health.problem ?? "Redis is away") }
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

    private static let longestValue: Int64 = 1 << 53

    /// The answers to `tailCommands`; nil when the value is no string, or of a length that no string has.
    static func tail(_ replies: ArraySlice<RedisReply>) -> (bytes: [UInt8], length: Int)? {
        guard replies.count >= 2, case .string(let bytes) = replies[replies.startIndex],
            case .integer(let length) = replies[replies.startIndex + 1], (0...longestValue).contains(length)
        else { return nil }
        return (bytes, Int(length))
    }
}

/// One walk through the records of a Redis, in steps of about a millisecond, with anything between them.
struct RecordWalk {
    private(set) var statistics = CacheStatistics()
    /// When the first of the records expires: Unix milliseconds, and rather too early than too late.
    private(set) var firstExpiry: Int64?
    private let pattern: RedisArgument
    private var cursor = RedisArgument("0")
    private var steps = 0
    private var isComplete = false
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
        steps += 1
        var keys: [RedisArgument] = []
        for case .string(let key) in found where isNew(key) { keys.append(RedisArgument(key)) }
        try count(keys, on: connection)
        isComplete = next == [UInt8(ascii: "0")]
        return !isComplete
    }

    /// The sums of all `keyCount` keys of the database, if the others are as those that were looked at.
    func extrapolated(to keyCount: Int) -> CacheStatistics {
        let looked = steps * Self.scanCount
        guard !isComplete, looked > 0, keyCount > looked else { return statistics }
        return statistics.scaled(by: Double(keyCount) / Double(looked))
    }

    private mutating func isNew(_ key: [UInt8]) -> Bool {
        guard seen.count < Self.mostSeen else { return true }
        return seen.insert(key.hashValue).inserted
    }

    /// Counts records by their ends, all asked for in one round trip; what expired meanwhile, or is none, does not count.
    /// Most ends are short, and the few that are not are asked for once more; so are the beginnings of those that somebody
    /// else has laid out in another way.
    private mutating func count(_ keys: [RedisArgument], on connection: RedisConnection) throws(RedisError) {
        let long = try count(keys, byTheLast: Self.usualTail, on: connection)
        let others = try count(long, byTheLast: Self.longTail, on: connection)
        try count(others, byBothEndsOn: connection)
    }

    private static let usualTail = RedisArgument(-ImageRecord.usualTailLength)
    private static let longTail = RedisArgument(-ImageRecord.tailLength)
    private static let headEnd = RedisArgument(ImageRecord.tailLength - 1)
    private static let end = RedisArgument(-1)

    /// Returns the keys of strings of which no record can be made so.
    private mutating func count(
        _ keys: [RedisArgument], byTheLast tail: RedisArgument, on connection: RedisConnection
    ) throws(RedisError) -> [RedisArgument] {
        guard !keys.isEmpty else { return [] }
        var commands: [[RedisArgument]] = []
        commands.reserveCapacity(keys.count * 3)
        for key in keys { commands += [["GETRANGE", key, tail, Self.end], ["STRLEN", key], ["PTTL", key]] }
        let askedAt = systemClock()
        let replies = try connection.pipeline(commands)
        var others: [RedisArgument] = []
        for (place, key) in keys.enumerated() where place * 3 < replies.count {
            let answers = replies[(place * 3)...]
            guard let found = RedisTier.tail(answers), found.length > 0 else { continue }
            if let record = ImageRecord.parse(tail: found.bytes.span, length: found.length)?.record {
                statistics.count(record)
                noteExpiry(answers.dropFirst(2).first, after: askedAt)
            } else {
                others.append(key)
            }
        }
        return others
    }

    private mutating func count(
        _ keys: [RedisArgument], byBothEndsOn connection: RedisConnection
    ) throws(RedisError) {
        guard !keys.isEmpty else { return }
        let parts = 4
        let commands: [[RedisArgument]] = keys.flatMap { key in
            [
                ["GETRANGE", key, "0", Self.headEnd], ["GETRANGE", key, Self.longTail, Self.end], ["STRLEN", key],
                ["PTTL", key],
            ]
        }
        let askedAt = systemClock()
        let replies = try connection.pipeline(commands)
        for first in stride(from: 0, to: replies.count - parts + 1, by: parts) {
            guard case .string(let head) = replies[first], let found = RedisTier.tail(replies[(first + 1)...]),
                let record = ImageRecord.parse(head: head, tail: found.bytes, length: found.length)
            else { continue }
            statistics.count(record)
            noteExpiry(replies[first + 3], after: askedAt)
        }
    }

    private mutating func noteExpiry(_ reply: RedisReply?, after askedAt: Int64) {
        guard case .integer(let left) = reply, left >= 0 else { return }
        firstExpiry = min(firstExpiry ?? .max, askedAt &+ left)
    }
}
