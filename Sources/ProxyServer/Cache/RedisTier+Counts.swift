internal import Redis
import Glibc
import ProxyCore

/// What hosts have counted, in Redis: a hash for each, to which its processes add what they have counted since they last
/// did, and a sorted set of the hosts by when they were last heard of.
extension RedisTier {
    /// How long a host is remembered that is not heard of any more.
    private static let memory = Duration.seconds(7 * 24 * 60 * 60)
    private static let mostHosts = 64

    func publish(_ counts: MetricsReading, of host: String) throws(CacheFailure) {
        let (key, hosts) = (companionKey("counts:\(host)"), companionKey("hosts"))
        let now = Int(systemClock())
        var commands: [[RedisArgument]] = [["MULTI"]]
        for (name, count) in counts.counts {
            commands.append(["HINCRBY", key, RedisArgument(name), RedisArgument(count)])
        }
        let stores = counts["stored"] &+ counts["revalidated"]
        if stores > 0 { commands.append(["INCRBY", companionKey("stores"), RedisArgument(stores)]) }
        let old = RedisArgument(now - Self.memory.wholeMilliseconds)
        commands += [
            ["PEXPIRE", key, RedisArgument(milliseconds: Self.memory)],
            ["ZADD", hosts, RedisArgument(now), RedisArgument(host)],
            ["ZREMRANGEBYSCORE", hosts, "-inf", old], ["PEXPIRE", hosts, RedisArgument(milliseconds: Self.memory)],
            ["EXEC"],
        ]
        try write { (connection) throws(RedisError) in
            let replies = try connection.pipeline(commands)
            for case .error(let message) in replies { throw RedisError(refusal: message) }
        }
    }

    func hostCounts() throws(CacheFailure) -> [(host: String, counts: MetricsReading)] {
        try read { (connection) throws(RedisError) in
            let reply = try connection.command([
                "ZREVRANGE", companionKey("hosts"), "0", RedisArgument(Self.mostHosts - 1),
            ])
            guard case .array(let names) = reply else { return [] }
            let hosts = names.compactMap { name in
                if case .string(let bytes) = name { String(decoding: bytes, as: UTF8.self) } else { nil }
            }
            let hashes = try connection.pipeline(hosts.map { ["HGETALL", companionKey("counts:\($0)")] })
            return zip(hosts, hashes).map { host, hash in
                var counts = MetricsReading()
                for (name, value) in Self.fields(of: hash) { counts.add(Int(value) ?? 0, to: name) }
                return (host, counts)
            }
        }
    }
}

/// The name of this machine, as its statistics are told apart.
enum HostName {
    static let text: String = {
        var buffer = [UInt8](repeating: 0, count: 256)
        let isKnown = unsafe buffer.withUnsafeMutableBytes { bytes in
            guard let base = bytes.baseAddress else { return false }
            return unsafe gethostname(base.assumingMemoryBound(to: CChar.self), bytes.count - 1) == 0
        }
        let name = String(decoding: buffer.prefix { $0 != 0 }, as: UTF8.self)
        return isKnown && !name.isEmpty ? name : "localhost"
    }()
}
