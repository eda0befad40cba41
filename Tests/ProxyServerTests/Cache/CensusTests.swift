import FastCGI
import ProxyCore
import Redis
import Testing

@testable import ProxyServer

@Suite struct CensusTests {
    private func result(
        stamp: String = "1", endedAt: Int64 = 0, work: Int = 1000, firstExpiry: Int64? = nil
    ) -> CensusResult {
        var statistics = CacheStatistics()
        for (size, type) in [(10, "image/png"), (5000, "image/webp"), (70 << 20, "text/html")] {
            statistics.count(ImageRecord(contentType: type, size: size, cachedAt: Int64(size), expiresAt: 0))
        }
        return CensusResult(
            statistics, stamp: stamp, countedAt: 5, endedAt: endedAt, work: work, firstExpiry: firstExpiry)
    }

    @Test func aResultSurvivesRedis() {
        let result = result(stamp: "1 2 3 4", endedAt: 9, firstExpiry: 77)
        #expect(CensusResult(Dictionary(uniqueKeysWithValues: result.fields)) == result)
        #expect(result.statistics.types.keys.sorted() == ["image/png", "image/webp", "other"])
    }

    @Test(
        "what is no result is none",
        arguments: [
            [:], ["stamp": "1"],
            ["stamp": "1", "countedAt": "x", "endedAt": "1", "work": "1", "images": "1", "bytes": "1"],
        ])
    func foreign(_ fields: [String: String]) { #expect(CensusResult(fields) == nil) }

    @Test("walks rest, and longer while nobody asks") func pauses() {
        let census = Census()
        #expect(census.isWalkDue(after: nil, stamp: "1", at: 0))
        #expect(!census.isWalkDue(after: result(stamp: "1"), stamp: "1", at: 500_000))
        #expect(census.isWalkDue(after: result(stamp: "1"), stamp: "1", at: 601_000))
        #expect(!census.isWalkDue(after: result(), stamp: "2", at: 19_999))
        #expect(census.isWalkDue(after: result(), stamp: "2", at: 20_000))
        census.watched()
        #expect(!census.isWalkDue(after: result(), stamp: "2", at: 1999))
        #expect(census.isWalkDue(after: result(), stamp: "2", at: 2000))
    }

    @Test func aCountIsCurrentUntilItsStampChangesOrARecordExpires() {
        #expect(result(stamp: "1").isCurrent(stamp: "1", at: .max))
        #expect(!result(stamp: "1").isCurrent(stamp: "2", at: 0))
        #expect(result(firstExpiry: 10).isCurrent(stamp: "1", at: 9))
        #expect(!result(firstExpiry: 10).isCurrent(stamp: "1", at: 10))
        #expect(Census().isWalkDue(after: result(firstExpiry: 10), stamp: "1", at: 20_000))
    }

    @Test func theNewerOfTwoResultsIsTheBest() {
        let census = Census()
        #expect(census.best(nil) == nil)
        #expect(census.best(result(endedAt: 1)) == result(endedAt: 1))
        census.keep(result(endedAt: 2))
        #expect(census.best(nil) == result(endedAt: 2), "Redis has lost it")
        #expect(census.best(result(endedAt: 1)) == result(endedAt: 2))
        #expect(census.best(result(endedAt: 3)) == result(endedAt: 3))
    }

    @Test func sumsGrowWithTheirFactorAndTimesStay() {
        let some = result().statistics
        let all = some.scaled(by: 2.5)
        #expect(all.totalImages == 8, "7.5, rounded")
        #expect(all.totalSize == Int((Double(some.totalSize) * 2.5).rounded()))
        #expect((all.oldestCache, all.newestCache) == (some.oldestCache, some.newestCache))
        #expect(all.types.mapValues(\.images) == some.types.mapValues { _ in 3 })
        #expect(all.sizes.map(\.images).reduce(0, +) == 9)
        #expect(some.scaled(by: 1) == some)
        #expect(some.scaled(by: 1e300).totalSize == .max)
    }
}

@Suite struct CensusInRedisTests {
    private static let many = Census.mostCountedAtOnce + 1000

    private func tier(_ server: RedisServer) -> RedisTier {
        RedisTier(
            server.location, Configuration.Cache(), turnstile: Turnstile(limit: 4), metrics: Metrics(),
            logger: Samples.silent)
    }

    /// So many images of 3 bytes.
    private func fill(_ server: RedisServer) throws {
        let value = #"{"data":"AAAA","contentType":"image/png","size":3,"cachedAt":7,"expiresAt":9}"#
        let script = "for i = 1, tonumber(ARGV[1]) do redis.call('SET', 'image-proxy:http://a.test/' .. i, ARGV[2]) end"
        try server.command("EVAL", RedisArgument(script), "0", RedisArgument(Self.many), RedisArgument(value))
    }

    @Test func anEstimateIsToldUntilSomebodyHasCounted() throws {
        let server = try RedisServer()
        let tier = tier(server)
        try fill(server)
        #expect(!tier.wantsCount)
        let estimate = try tier.overview()
        #expect(estimate.isEstimate && !estimate.isCurrent && estimate.countedAt == nil)
        #expect((Self.many / 2...Self.many * 2).contains(estimate.statistics.totalImages))
        #expect(tier.wantsCount)

        tier.keepCount { false }
        let count = try tier.overview()
        #expect(count.isCurrent && !count.isEstimate && count.countedAt != nil)
        #expect((count.statistics.totalImages, count.statistics.totalSize) == (Self.many, Self.many * 3))

        try server.command("DEL", "image-proxy:http://a.test/1")
        #expect(try !tier.overview().isCurrent)
    }

    @Test func aWalkThatIsToldToStopLeavesNothing() throws {
        let server = try RedisServer()
        let tier = tier(server)
        try fill(server)
        tier.keepCount { true }
        #expect(try tier.overview().isEstimate)
    }

    @Test func aRedisThatTakesNothingIsCountedByEachForItself() throws {
        let server = try RedisServer()
        let tier = tier(server)
        try fill(server)
        try server.command("CONFIG", "SET", "maxmemory", "1")
        tier.keepCount { false }
        let count = try tier.overview()
        #expect(!count.isEstimate && !count.isCurrent, "nobody can tell whether it is still true")
        #expect(count.statistics.totalImages == Self.many)
        #expect(try self.tier(server).overview().isEstimate, "another has no part in it")
    }
}

@Suite struct HostCountsTests {
    @Test func hostsAddUpWhatTheirProcessesPublish() throws {
        let server = try RedisServer()
        let tier = RedisTier(
            server.location, Configuration.Cache(), turnstile: Turnstile(limit: 4), metrics: Metrics(),
            logger: Samples.silent)
        var counts = MetricsReading()
        counts.add(2, to: "hits")
        counts.add(1, to: "stored")
        try tier.publish(counts, of: "a")
        try tier.publish(counts, of: "a")
        try tier.publish(counts, of: "b")
        let hosts = try tier.hostCounts().sorted { $0.host < $1.host }
        #expect(hosts.map(\.host) == ["a", "b"])
        #expect(hosts.map { $0.counts["hits"] } == [4, 2])
        // None of it is taken for an image.
        #expect(try tier.statistics() == CacheStatistics())
        #expect(try tier.overview().server?.usedMemory ?? 0 > 0)
    }
}
