import FastCGI
import ProxyCore
import Testing

@testable import ProxyServer

@Suite struct CensusTests {
    private func result(stamp: String = "1", endedAt: Int64 = 0, work: Int = 1000) -> CensusResult {
        var statistics = CacheStatistics()
        for (size, type) in [(10, "image/png"), (5000, "image/webp"), (70 << 20, "text/html")] {
            statistics.count(ImageRecord(contentType: type, size: size, cachedAt: Int64(size), expiresAt: 0))
        }
        return CensusResult(statistics, stamp: stamp, countedAt: 5, endedAt: endedAt, work: work)
    }

    @Test func aResultSurvivesRedis() {
        let result = result(stamp: "1 2 3 4", endedAt: 9)
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
        census.asked()
        #expect(!census.isWalkDue(after: result(), stamp: "2", at: 1999))
        #expect(census.isWalkDue(after: result(), stamp: "2", at: 2000))
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
