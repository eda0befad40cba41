import Foundation
import ProxyCore
import Redis
import Testing

@testable import ProxyServer

/// Look-ups that go to Redis together find what each would find by itself.
@Suite struct RedisSeriesTests {
    private let server: RedisServer
    private let metrics = Metrics()
    private static let now: Int64 = 1_700_000_000_000
    /// Shorter than the tail that is read, usual, and at the edge of what is read whole (128 KiB).
    private static let sizes = [33, 3_000, 98_000]
    private static let formats = Configuration.Cache.Format.allCases

    init() throws { server = try RedisServer() }

    private func tier(
        timeout: Duration = .seconds(10), format: Configuration.Cache.Format = .json
    ) -> RedisTier { server.tier(timeout: timeout, format: format, metrics: metrics) }

    private func url(_ name: String) -> String { "https://a.example/\(name).png" }

    private func key(_ name: String) -> RedisArgument { RedisArgument("image-proxy:" + url(name)) }

    private func urls(_ names: String...) -> [String] { names.map(url) }

    private func image(_ lookup: CacheLookup?) throws -> CachedImage {
        guard case .hit(let image)? = lookup else { throw CacheFailure(reason: "no hit") }
        return image
    }

    // MARK: - Which go together

    @Test("a record that was found short goes with others", arguments: sizes, formats)
    func short(_ size: Int, _ format: Configuration.Cache.Format) throws {
        let tier = tier(format: format)
        try tier.store(Samples.png(size), of: url("a"), at: Self.now)
        #expect(tier.effort(for: url("a")) == .own, "nobody knows how long it is")
        _ = tier.lookup(url("a"))
        #expect(tier.effort(for: url("a")) == .shared)
        #expect(tier.effort(for: url("b")) == .own)
    }

    @Test("neither a long one nor what is not there does", arguments: formats)
    func long(_ format: Configuration.Cache.Format) throws {
        let tier = tier(format: format)
        try tier.store(Samples.png(300_000), of: url("long"), at: Self.now)
        for name in ["long", "none"] {
            _ = tier.lookup(url(name))
            #expect(tier.effort(for: url(name)) == .own)
        }
    }

    @Test func oneThatHasBecomeLongIsAskedForByItself() throws {
        let tier = tier()
        for name in ["a", "b"] {
            try tier.store(Samples.png(99), of: url(name), at: Self.now)
            _ = tier.lookup(url(name))
        }
        try tier.store(Samples.png(300_000), of: url("a"), at: Self.now)
        let series = try #require(tier.lookups(of: urls("b", "a", "b")))
        #expect(try series.next()?.body() == Samples.png(99), "those before it are none the worse")
        #expect(series.next() == nil)
        #expect(tier.effort(for: url("a")) == .own)
        #expect(series.next() == nil, "those behind it are asked for by themselves")
        #expect(tier.effort(for: url("b")) == .shared)
        #expect(try tier.lookup(url("a")).body() == Samples.png(300_000))
        #expect(metrics.cacheFailures.count == 0)
    }

    // MARK: - What they find

    @Test("each finds what is there, in order", arguments: formats) func order(_ format: Configuration.Cache.Format)
        throws
    {
        let tier = tier(format: format)
        for size in Self.sizes { try tier.store(Samples.png(size), of: url("\(size)"), at: Self.now) }
        let series = try #require(tier.lookups(of: urls("3000", "none", "98000", "33", "3000")))
        for size in [3_000, nil, 98_000, 33, 3_000] {
            let lookup = series.next()
            guard let size else {
                #expect(lookup == nil, "what is not there is looked for by itself")
                continue
            }
            let found = try image(lookup)
            #expect(found.type == .png)
            #expect(found.record == .sample(size: size, at: Self.now))
            #expect(try lookup?.body() == Samples.png(size))
        }
        #expect(series.next() == nil)
        #expect(metrics.cacheFailures.count == 0)
    }

    @Test("damage is what it is to a look-up by itself") func damage() throws {
        let text = Data(Samples.png(99)).base64EncodedString()
        func record(_ data: String, _ size: Int, _ type: String = "image/png") -> RedisArgument {
            RedisArgument(#"{"data":"\#(data)","contentType":"\#(type)","size":\#(size),"cachedAt":1,"expiresAt":2}"#)
        }
        let values = [
            "null", "{}", "[1]", record("", 0), record(text, 98), record("!" + text.dropFirst(), 99),
            record(text, 99, "text/html"), record(Data(Samples.html).base64EncodedString(), Samples.html.count),
            RedisArgument(Array(record(text, 99).bytes.dropLast())), record(text + "AAAA", 99),
        ]
        for (number, value) in values.enumerated() { try server.command("SET", key("\(number)"), value) }
        let tier = tier()
        try tier.store(Samples.png(99), of: url("sound"), at: Self.now)
        let names = values.indices.map { "\($0)" }
        let reasons = names.map { tier.lookup(url($0)).damage }
        #expect(!reasons.contains(nil))

        let failures = metrics.cacheFailures.count
        let series = try #require(tier.lookups(of: (names + ["sound"]).map(url)))
        #expect(names.map { _ in series.next()?.damage } == reasons)
        #expect(try series.next()?.body() == Samples.png(99), "those behind it are none the worse")
        #expect(metrics.cacheFailures.count == 2 * failures)
        #expect(tier.isAvailable)
    }

    @Test("what a series found is what a look-up finds", arguments: sizes, formats)
    func fingerprints(_ size: Int, _ format: Configuration.Cache.Format) throws {
        let tier = tier(format: format)
        try tier.store(Samples.png(size), of: url("a"), at: Self.now)
        let found = try image(tier.lookups(of: urls("a"))?.next())
        #expect(try found.fingerprint == image(tier.lookup(url("a"))).fingerprint)
        #expect(found.fingerprint == tier.fingerprint(of: tier.key(for: url("a"))))
    }

    @Test("what a series found may be renewed", arguments: sizes, formats)
    func renewal(_ size: Int, _ format: Configuration.Cache.Format) throws {
        let tier = tier(format: format)
        try tier.store(Samples.png(size), of: url("a"), at: Self.now)
        let found = try image(tier.lookups(of: urls("a"))?.next())
        var record = ImageRecord.sample(size: size, at: Self.now + 5)
        record.extra = [JSONField("etag", .string("tag"))]
        #expect(try tier.renew(found, as: record, expiry: .seconds(100), of: url("a")))
        let renewed = tier.lookups(of: urls("a"))?.next()
        #expect(try image(renewed).record == record)
        #expect(try renewed?.body() == Samples.png(size))
    }

    @Test func aValueOfAnotherTypeIsLookedForByItself() throws {
        let tier = tier()
        try tier.store(Samples.png(99), of: url("a"), at: Self.now)
        try server.command("RPUSH", key("list"), "a")
        let series = try #require(tier.lookups(of: urls("list", "a")))
        #expect(series.next() == nil)
        #expect(try series.next()?.body() == Samples.png(99))
        #expect(metrics.cacheFailures.count == 0)
    }

    @Test func aServerThatRefusesSeveralIsAskedForOneAfterTheOther() throws {
        let tier = tier()
        for name in ["a", "b"] {
            try tier.store(Samples.png(99), of: url(name), at: Self.now)
            _ = tier.lookup(url(name))
        }
        #expect(tier.effort(for: url("a")) == .shared)
        try server.command("ACL", "SETUSER", "default", "-mget")
        let series = try #require(tier.lookups(of: urls("a", "b")))
        for _ in 0..<2 { #expect(series.next() == nil) }
        #expect(tier.effort(for: url("a")) == .own)
        #expect(tier.isAvailable, "nothing else is wrong with it")
        #expect(try tier.lookup(url("a")).body() == Samples.png(99))
        #expect(metrics.cacheFailures.count == 0)
    }

    // MARK: - A Redis that fails

    @Test func aConnectionIsKeptWhenAllWasTakenAndElseNot() throws {
        let tier = tier()
        for name in ["a", "b"] { try tier.store(Samples.png(99), of: url(name), at: Self.now) }
        tier.pool.closeIdle()
        for taken in [2, 1, 0] {
            do {
                let series = try #require(tier.lookups(of: urls("a", "b")))
                for _ in 0..<taken { #expect(try series.next()?.body() == Samples.png(99)) }
            }
            #expect(tier.pool.idleCount == (taken == 2 ? 1 : 0))
            #expect(tier.lookup(url("none")).isAbsent, "and nobody gets what was not taken")
            tier.pool.closeIdle()
        }
        #expect(metrics.cacheFailures.count == 0)
    }

    @Test("once the connection is lost the others are to be asked for anew", arguments: [false, true])
    func lost(_ isSilent: Bool) throws {
        let tier = tier(timeout: isSilent ? .milliseconds(100) : .seconds(60))
        for name in ["a", "b", "c"] { try self.tier().store(Samples.png(99), of: url(name), at: Self.now) }
        // Opened before the server stops answering.
        #expect(tier.lookup(url("none")).isAbsent)
        try server.command("CLIENT", "PAUSE", "600000", "ALL")
        let series = try #require(tier.lookups(of: urls("a", "b", "c")))
        if !isSilent { server.end() }
        guard case .unavailable? = series.next() else { return #expect(Bool(false)) }
        for _ in 0..<3 { #expect(series.next() == nil) }
        #expect(!tier.isAvailable)
        #expect(metrics.cacheFailures.count == 1)
    }

    @Test func aServerThatIsGoneIsNotAsked() throws {
        let tier = tier()
        try tier.store(Samples.png(99), of: url("a"), at: Self.now)
        _ = tier.lookup(url("a"))
        server.end()
        #expect(tier.lookups(of: urls("a")) == nil)
        #expect(!tier.isAvailable)
        #expect(metrics.cacheFailures.count == 1)
        #expect(tier.lookups(of: urls("a")) == nil)
    }

    // MARK: - Memory in front of it

    private func cache(_ tier: RedisTier) -> TieredCache<RedisTier> {
        TieredCache(memory: MemoryTier(limit: 64 << 20), shared: tier, gatheringLimit: 16 << 20)
    }

    @Test("what is in memory is at hand") func memory() throws {
        let tier = tier()
        try tier.store(Samples.png(99), of: url("a"), at: Self.now)
        let cache = cache(tier)
        #expect(cache.effort(for: url("a")) == .own)
        _ = cache.lookup(url("a"))
        #expect(cache.effort(for: url("a")) == .shared)
        _ = cache.lookup(url("a"))
        #expect(cache.effort(for: url("a")) == .atHand)
        #expect(tier.effort(for: url("a")) == .shared)
    }

    @Test("the second hit comes into memory, by whichever way each came", arguments: [false, true], [false, true])
    func promotion(_ first: Bool, _ second: Bool) throws {
        let image = Samples.png(3_000)
        let cache = cache(tier())
        for name in ["a", "b"] { try cache.store(image, of: url(name), at: Self.now) }
        for (number, isSeries) in [first, second].enumerated() {
            #expect(cache.memoryUsage?.entries == 0)
            if isSeries {
                let series = try #require(cache.lookups(of: urls("none", "a")))
                #expect(series.next() == nil)
                #expect(try series.next()?.body() == image)
            } else {
                #expect(try cache.lookup(url("a")).body() == image)
            }
            #expect(cache.memoryUsage?.entries == number)
        }
        // Nothing but memory has it now.
        server.end()
        #expect(try cache.lookup(url("a")).body() == image)
        guard case .unavailable = cache.lookup(url("b")) else { return #expect(Bool(false)) }
    }

    @Test func whatASeriesBroughtIntoMemoryIsRenewedThere() throws {
        let cache = cache(tier())
        try cache.store(Samples.png(3_000), of: url("a"), at: Self.now)
        for _ in 0..<2 { _ = cache.lookups(of: urls("a"))?.next() }
        let record = ImageRecord.sample(size: 3_000, at: Self.now + 5)
        #expect(try cache.renew(image(cache.lookup(url("a"))), as: record, expiry: .seconds(100), of: url("a")))
        #expect(try image(cache.lookup(url("a"))).record == record)
        #expect(cache.memoryUsage?.entries == 1)
    }

    @Test func aSeriesOfASharedTierThatIsGoneIsNone() throws {
        let cache = cache(tier())
        server.end()
        #expect(cache.lookups(of: urls("a")) == nil)
    }
}
