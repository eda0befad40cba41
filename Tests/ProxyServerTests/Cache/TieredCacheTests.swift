import Glibc
import ProxyCore
import Redis
import Synchronization
import Testing

@testable import ProxyServer

@Suite struct TieredCacheTests {
    private let server: RedisServer
    private let redis: RedisTier
    private let time = TestTime(1_700_000_000_000)
    private static let url = "https://a.example/b.png"
    private static let key: RedisArgument = "image-proxy:https://a.example/b.png"
    /// Records that are read in one piece, and one that is streamed (more than 128 KiB).
    private static let sizes = [33, 98_000, 1_000_000]

    init() throws {
        server = try RedisServer()
        redis = server.tier()
    }

    private func cache(gatheringLimit: Int = 16 << 20) -> TieredCache<RedisTier> {
        TieredCache(
            memory: MemoryTier(limit: 64 << 20), shared: redis, gatheringLimit: gatheringLimit)
    }

    private func store(_ bytes: [UInt8], at time: Int64) throws {
        try redis.store(bytes, of: Self.url, at: time)
    }

    /// A cache that has the image in memory.
    private func warmed(_ image: [UInt8]) throws -> TieredCache<RedisTier> {
        let cache = cache()
        try store(image, at: time.now)
        for _ in 0..<2 { #expect(try cache.lookup(Self.url).body() == image) }
        return cache
    }

    /// How often Redis was asked for a value since the last time.
    private func reads() throws -> Int {
        guard case .string(let bytes) = try server.command("INFO", "commandstats") else { return -1 }
        try server.command("CONFIG", "RESETSTAT")
        let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\r\n")
        guard let line = lines.first(where: { $0.hasPrefix("cmdstat_get:calls=") }) else { return 0 }
        return line.dropFirst("cmdstat_get:calls=".count).split(separator: ",").first.flatMap { Int($0) } ?? -1
    }

    @Test("the second hit in Redis brings it into memory", arguments: sizes) func promotion(_ size: Int) throws {
        let image = Samples.png(size)
        let cache = cache()
        try store(image, at: time.now)
        for _ in 0..<2 {
            _ = try reads()
            #expect(try cache.lookup(Self.url).body() == image)
            #expect(try reads() > 0)
        }
        for _ in 0..<5 {
            let lookup = cache.lookup(Self.url)
            #expect(try lookup.body() == image)
            guard case .hit(let found) = lookup else { continue }
            #expect(found.type == .png)
            #expect(found.record.expiresAt == time.now + 86_400_000)
        }
        #expect(try reads() == 0)
    }

    @Test("what is deleted in Redis is gone", arguments: sizes) func deletion(_ size: Int) throws {
        let image = Samples.png(size)
        let cache = try warmed(image)
        try server.command("DEL", Self.key)
        let isGone = eventually {
            guard case .absent = cache.lookup(Self.url) else { return false }
            return true
        }
        #expect(isGone)
        #expect(try cache.lookup(Self.url).body() == nil, "and stays gone")
    }

    @Test("what is replaced in Redis is replaced", arguments: sizes) func replacement(_ size: Int) throws {
        let old = Samples.png(size)
        let new = Array(old.dropLast()) + [0xEE]
        let cache = try warmed(old)
        try store(new, at: time.now + 1)
        let isReplaced = try eventually { try cache.lookup(Self.url).body() == new }
        #expect(isReplaced)
        for _ in 0..<3 { #expect(try cache.lookup(Self.url).body() == new) }
        _ = try reads()
        #expect(try cache.lookup(Self.url).body() == new)
        #expect(try reads() == 0, "the new one is in memory")
    }

    @Test("what this process replaces is replaced at once", arguments: sizes) func ownReplacement(_ size: Int) throws {
        let old = Samples.png(size)
        let new = Array(old.dropLast()) + [0xEE]
        let cache = try warmed(old)
        #expect(try cache.lookup(Self.url).body() == old)
        try cache.store(new, of: Self.url, at: time.now + 1)
        for _ in 0..<3 { #expect(try cache.lookup(Self.url).body() == new) }
    }

    @Test("what is no longer fresh is found, until Redis lets it go", arguments: sizes)
    func stale(_ size: Int) throws {
        let image = Samples.png(size)
        let cache = cache()
        try store(image, at: 0)
        for _ in 0..<3 {
            let lookup = cache.lookup(Self.url)
            #expect(try lookup.body() == image)
            guard case .hit(let found) = lookup else { continue }
            #expect(found.record.expiresAt == 86_400_000)
        }
        try server.command("PEXPIRE", Self.key, "1")
        let isGone = eventually {
            guard case .absent = cache.lookup(Self.url) else { return false }
            return true
        }
        #expect(isGone)
    }

    @Test("a part of an image", arguments: sizes) func part(_ size: Int) throws {
        let image = Samples.png(size)
        let cache = try warmed(image)
        for range in [0..<1, 1..<7, size - 3..<size, 5..<size, 0..<size] {
            guard case .hit(let found) = cache.lookup(Self.url) else { return #expect(Bool(false)) }
            #expect(try part(range, of: found) == Array(image[range]))
        }
    }

    @Test("a part does not bring an image into memory") func partIsNoCopy() throws {
        let image = Samples.png(1_000_000)
        let cache = cache()
        try store(image, at: time.now)
        _ = cache.lookup(Self.url)
        for _ in 0..<2 {
            guard case .hit(let found) = cache.lookup(Self.url) else { return #expect(Bool(false)) }
            #expect(try part(10..<20, of: found) == Array(image[10..<20]))
        }
        _ = try reads()
        #expect(try cache.lookup(Self.url).body() == image)
        #expect(try reads() > 0)
    }

    private func part(_ range: Range<Int>, of image: CachedImage) throws -> [UInt8] {
        var bytes: [UInt8] = []
        #expect(try image.body.forEachPiece(in: range) { bytes += Array(copying: $0) })
        return bytes
    }

    @Test("while Redis is away, or refuses to tell, memory goes on", arguments: sizes, [true, false])
    func redisAway(_ size: Int, _ isThere: Bool) throws {
        let image = Samples.png(size)
        let cache = try warmed(image)
        if isThere { try server.command("ACL", "SETUSER", "default", "-getrange") } else { server.end() }
        let isNoticed = try eventually {
            let served = try cache.lookup(Self.url).body()
            #expect(served == image)
            return !cache.isAvailable
        }
        #expect(isNoticed)
        for _ in 0..<3 { #expect(try cache.lookup(Self.url).body() == image) }
        guard case .unavailable = cache.lookup("https://a.example/another") else { return #expect(Bool(false)) }
    }

    /// A client may take minutes over the end of an image: what was purged meanwhile must not come into memory as new.
    @Test func whatASlowClientGatheredIsAsOldAsItsBeginning() throws {
        let image = Samples.png(1_000_000)
        let cache = cache()
        try store(image, at: time.now)
        #expect(try cache.lookup(Self.url).body() == image)
        guard case .hit(let found) = cache.lookup(Self.url) else { return #expect(Bool(false)) }
        try server.command("DEL", Self.key)
        let checkIsDue = ContinuousClock.now + .milliseconds(501)
        while ContinuousClock.now < checkIsDue { usleep(5_000) }
        #expect(try found.forEachPiece { _ in })
        guard case .absent = cache.lookup(Self.url) else { return #expect(Bool(false)) }
    }

    @Test func hitsThatAreNotReadGiveTheirShareOfTheGatheringBack() throws {
        let image = Samples.png(1_000_000)
        let cache = cache(gatheringLimit: image.count)
        try store(image, at: time.now)
        for _ in 0..<5 { _ = cache.lookup(Self.url) }
        #expect(try cache.lookup(Self.url).body() == image)
        _ = try reads()
        #expect(try cache.lookup(Self.url).body() == image)
        #expect(try reads() == 0)
    }
}

/// The time of day, as a test sets it.
private final class TestTime: Sendable {
    private let milliseconds: Atomic<Int64>

    init(_ now: Int64) { milliseconds = Atomic(now) }

    var now: Int64 { milliseconds.load(ordering: .relaxed) }

    func advance(by count: Int64) { milliseconds.add(count, ordering: .relaxed) }
}
