internal import Redis
import ProxyCore

/// A walk over every key of ours, in steps small enough that Redis goes on answering others in between.
///
/// A key that is there from the beginning to the end is met, and met once; one that comes or goes meanwhile may be met.
struct KeyWalk {
    private let cache: RedisOperator
    private let supervision: Supervision

    /// Keys that one step looks at.
    private static let stepLength = 250

    init(_ cache: RedisOperator, _ supervision: Supervision) {
        self.cache = cache
        self.supervision = supervision
    }

    /// Hands out the keys of each step. False when it was stopped.
    func forEachStep(_ body: ([CacheKeys.Owned]) throws(CacheFailure) -> Void) throws(CacheFailure) -> Bool {
        let patterns = cache.keys.patterns
        let keyCount = try cache.ask([["DBSIZE"]]).first?.integer ?? 0
        let total = patterns.saturatingSum { _ in Int(clamping: keyCount) }
        // Of each key that was met only a hash: a SCAN may return one twice, and there may be millions.
        var seen: Set<Int> = []
        var done = 0
        for pattern in patterns {
            var cursor = RedisArgument("0")
            repeat {
                if supervision.isStopped() { return false }
                let found = try step(pattern, &cursor).filter { seen.insert($0.hashValue).inserted }
                let ours = found.compactMap { cache.keys.owned($0) }
                if !ours.isEmpty { try body(ours) }
                done = min(done + Self.stepLength, total)
                supervision.advanced(done, total)
            } while cursor.bytes != [UInt8(ascii: "0")]
        }
        supervision.advanced(total, total)
        return true
    }

    private func step(_ pattern: [UInt8], _ cursor: inout RedisArgument) throws(CacheFailure) -> [[UInt8]] {
        let reply = try cache.ask([
            ["SCAN", cursor, "MATCH", RedisArgument(pattern), "COUNT", RedisArgument(Self.stepLength)]
        ]).first
        guard case .array(let parts) = reply, parts.count == 2, case .string(let next) = parts[0],
            case .array(let keys) = parts[1]
        else { throw CacheFailure(reason: "SCAN is not answered as Redis does") }
        cursor = RedisArgument(next)
        return keys.compactMap(\.string)
    }
}
