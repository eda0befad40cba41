internal import Dispatch
internal import Redis
import Glibc
import ProxyCore

/// The census in Redis; see `Census`.
extension RedisTier {
    private static let resultLifetime = Duration.seconds(60 * 60)
    private static let leaseTime = Duration.seconds(30)

    /// How long an estimate may take: what is told comes within 50 ms, whatever else the machine has to do.
    private static let sampleTime = Duration.milliseconds(15)

    func watched() { census.watched() }

    var wantsCount: Bool { census.isWanted }

    func overview() throws(CacheFailure) -> CacheOverview {
        let look = try currentLook()
        if look.keyCount <= Census.mostCountedAtOnce {
            return CacheOverview(statistics: try statistics(), server: look.server)
        }
        census.wanted()
        guard let result = census.best(look.result) else {
            return CacheOverview(
                statistics: try estimate(look.keyCount), isCurrent: false, isEstimate: true, server: look.server)
        }
        return CacheOverview(
            statistics: result.statistics, countedAt: result.countedAt,
            isCurrent: result == look.result && result.isCurrent(stamp: look.stamp, at: systemClock()),
            server: look.server)
    }

    /// What there is in all likelihood, from as many records as can be read in no time.
    private func estimate(_ keyCount: Int) throws(CacheFailure) -> CacheStatistics {
        if let recent = census.recentEstimate { return recent }
        let walk = try read { (connection) throws(RedisError) in
            var walk = RecordWalk(imageKeys.matchPattern)
            let start = ContinuousClock.now
            while try walk.step(on: connection), .now - start < Self.sampleTime {}
            return walk
        }
        let estimate = walk.extrapolated(to: keyCount)
        census.keep(estimate: estimate)
        return estimate
    }

    func keepCount(isStopping: () -> Bool) {
        guard health.permitsReads(), census.isLookDue(),
            let look = try? currentLook(),
            look.keyCount > Census.mostCountedAtOnce,
            census.isWalkDue(after: census.best(look.result), stamp: look.stamp, at: systemClock())
        else { return }
        guard census.walking.wait(timeout: .now()) == .success else { return }
        defer { census.walking.signal() }
        // A Redis that takes no lease takes no sums either: each process counts for itself then.
        let lease = holdLease(isNew: true)
        guard lease != .another else { return }
        defer { if lease == .ours { unlink(companionKey("census-lease")) } }
        _ = try? walk(look, pausing: census.best(look.result) != nil, isStopping: isStopping)
    }

    /// Walks, and leaves the sums for everybody.
    private func walk(_ look: Look, pausing: Bool, isStopping: () -> Bool) throws(CacheFailure) {
        let (start, countedAt) = (ContinuousClock.now, systemClock())
        var walk = RecordWalk(imageKeys.matchPattern)
        var work = Duration.zero
        var leaseChecked = start
        while true {
            let begun = ContinuousClock.now
            // A connection for each step: so a walk keeps none from others while it pauses.
            let (next, goesOn) = try read { [walk] (connection) throws(RedisError) in
                var walk = walk
                let goesOn = try walk.step(on: connection)
                return (walk, goesOn)
            }
            walk = next
            let took = ContinuousClock.now - begun
            work += took
            guard goesOn else { break }
            if isStopping() { return }
            if pausing { usleep(useconds_t(clamping: took.wholeMicroseconds * 2)) }
            if .now - leaseChecked > Self.leaseTime / 3 {
                leaseChecked = .now
                _ = holdLease(isNew: false)
            }
        }
        let result = CensusResult(
            walk.statistics, stamp: look.stamp, countedAt: countedAt, endedAt: systemClock(),
            work: work.wholeMilliseconds, firstExpiry: walk.firstExpiry)
        census.keep(result)
        try keep(result)
    }

    private func keep(_ result: CensusResult) throws(CacheFailure) {
        let key = companionKey("census")
        let fields = result.fields.flatMap { [RedisArgument($0.0), RedisArgument($0.1)] }
        try write { (connection) throws(RedisError) in
            _ = try connection.pipeline([
                ["MULTI"], ["DEL", key], ["HSET", key] + fields,
                ["PEXPIRE", key, RedisArgument(milliseconds: Self.resultLifetime)], ["EXEC"],
            ])
        }
    }

    private enum WalkLease { case ours, another, refused }

    /// Takes the lease on walking, or holds it for longer. Two that walk at once do no harm but to waste time.
    private func holdLease(isNew: Bool) -> WalkLease {
        let (key, time) = (companionKey("census-lease"), RedisArgument(milliseconds: Self.leaseTime))
        let holder = RedisArgument("\(HostName.text):\(getpid())")
        let command: [RedisArgument] =
            isNew ? ["SET", key, holder, "NX", "PX", time] : ["SET", key, holder, "XX", "PX", time]
        let reply = try? write { (connection) throws(RedisError) in try connection.command(command) }
        switch reply {
        case .status("OK"): return .ours
        case .null: return .another
        default: return .refused
        }
    }

    /// The key of something that belongs to all images and to none.
    func companionKey(_ name: String) -> RedisArgument { RedisArgument(key(for: "").companion(name)) }
}

// MARK: - Looking

extension RedisTier {
    /// What Redis tells at once.
    struct Look: Sendable {
        let keyCount: Int
        let server: CacheServer
        let stamp: String
        let result: CensusResult?
    }

    private func currentLook() throws(CacheFailure) -> Look {
        try read { (connection) throws(RedisError) in try look(connection) }
    }

    /// One round trip.
    private func look(_ connection: RedisConnection) throws(RedisError) -> Look {
        let replies = try connection.pipeline([
            ["DBSIZE"], ["INFO", "stats"], ["INFO", "memory"], ["GET", companionKey("stores")],
            ["HGETALL", companionKey("census")], ["EXISTS"] + ownKeys,
        ])
        guard replies.count == 6, case .integer(let keyCount) = replies[0] else {
            // A server that refuses even this one is asked nothing else.
            if case .error(let message) = replies.first { throw RedisError(refusal: message) }
            throw .protocolViolation
        }
        let information = RedisInformation(replies[1]).merging(RedisInformation(replies[2]))
        var server = CacheServer()
        server.usedMemory = information["used_memory"]
        server.peakMemory = information["used_memory_peak"]
        server.maximumMemory = information["maxmemory"]
        server.evictionPolicy = information.text["maxmemory_policy"] ?? ""
        server.evictedKeys = information["evicted_keys"]
        server.expiredKeys = information["expired_keys"]
        var stores = "0"
        if case .string(let bytes) = replies[3] { stores = String(decoding: bytes, as: UTF8.self) }
        // What the census and the counters need for themselves comes and goes, and is no image.
        var ownCount: Int64 = 0
        if case .integer(let count) = replies[5] { ownCount = count }
        return Look(
            keyCount: Int(clamping: keyCount), server: server,
            stamp: "\(keyCount.saturatingSubtracting(ownCount)) \(server.expiredKeys) \(server.evictedKeys) \(stores)",
            result: CensusResult(Self.fields(of: replies[4])))
    }

    private var ownKeys: [RedisArgument] {
        ["census", "census-lease", "hosts", "stores", "counts:\(HostName.text)"].map(companionKey)
    }

    /// The fields of a hash; empty where the answer is none.
    static func fields(of reply: RedisReply) -> [String: String] {
        guard case .array(let words) = reply else { return [:] }
        var fields: [String: String] = [:]
        for place in stride(from: 0, to: words.count - 1, by: 2) {
            guard case .string(let name) = words[place], case .string(let value) = words[place + 1] else { continue }
            fields[String(decoding: name, as: UTF8.self)] = String(decoding: value, as: UTF8.self)
        }
        return fields
    }
}

/// The lines of an answer to INFO; none where a server does not answer it.
struct RedisInformation {
    private(set) var text: [String: String] = [:]

    init(_ reply: RedisReply) {
        guard case .string(let bytes) = reply else { return }
        for line in bytes.split(whereSeparator: { $0 == 0x0D || $0 == 0x0A }) {
            guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else { continue }
            let name = String(decoding: line[..<colon], as: UTF8.self)
            text[name] = String(decoding: line[(colon + 1)...], as: UTF8.self)
        }
    }

    func merging(_ other: RedisInformation) -> RedisInformation {
        var merged = self
        merged.text.merge(other.text) { $1 }
        return merged
    }

    subscript(name: String) -> Int { text[name].flatMap { Int($0) } ?? 0 }
}
