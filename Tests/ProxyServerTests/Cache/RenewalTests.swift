import ProxyCore
import Redis
import Testing

@testable import ProxyServer

/// A 304 gives an entry another record and moves none of its bytes.
@Suite struct RenewalTests {
    private let server: RedisServer
    private static let now: Int64 = 1_700_000_000_000
    private static let url = "https://a.example/b.png"
    private static let key: RedisArgument = "image-proxy:https://a.example/b.png"
    /// In one piece, at the edge of it, and streamed; the smallest is shorter than the tail that is read.
    private static let sizes = [33, 98_000, 1_000_000]
    private static let formats = Configuration.Cache.Format.allCases

    init() throws { server = try RedisServer() }

    private func tier(_ format: Configuration.Cache.Format = .json) -> RedisTier { server.tier(format: format) }

    private func integer(_ words: RedisArgument...) throws -> Int64 {
        guard case .integer(let number) = try server.command(words) else { return -9 }
        return number
    }

    private func found(_ cache: some CacheTier) throws -> CachedImage {
        guard case .hit(let image) = cache.lookup(Self.url) else { throw CacheFailure(reason: "no hit") }
        return image
    }

    private func bytes(of image: CachedImage) throws -> [UInt8] {
        var bytes: [UInt8] = []
        #expect(try image.forEachPiece { bytes += Array(copying: $0) })
        return bytes
    }

    private func record(_ size: Int, tag: String) -> ImageRecord {
        var record = ImageRecord.sample(size: size, at: Self.now + 5)
        record.extra = [JSONField("etag", .string(tag))]
        return record
    }

    @Test("longer and shorter records take each other's place", arguments: sizes, formats)
    func renewal(_ size: Int, _ format: Configuration.Cache.Format) throws {
        let image = Samples.png(size)
        // Each tier knows other large records to be sound; both read what is there now.
        let (tier, other) = (tier(format), self.tier(format))
        try tier.store(image, of: Self.url, at: Self.now)
        var length = try integer("STRLEN", Self.key)
        for tag in ["", String(repeating: "x", count: 500), "y", String(repeating: "z", count: 700), ""] {
            let record = record(size, tag: tag)
            #expect(try tier.renew(found(tier), as: record, expiry: .seconds(100), of: Self.url))
            for tier in [tier, other] {
                let renewed = try found(tier)
                #expect(renewed.record == record)
                #expect(try bytes(of: renewed) == image)
            }
            #expect((1...100_000).contains(try integer("PTTL", Self.key)))
            let now = try integer("STRLEN", Self.key)
            #expect(now >= length, "white space fills what a shorter one leaves")
            length = now
        }
        #expect(try tier.statistics().totalSize == size)
    }

    @Test("the record is shared: what the TypeScript application wrote is renewed as well") func foreign() throws {
        let tier = tier()
        try server.command(
            "SET", Self.key,
            #"{"data":"iVBORw0KGgo=","contentType":"image/png","size":8,"cachedAt":1,"expiresAt":2}"#)
        let before = try found(tier)
        #expect(try tier.renew(before, as: record(8, tag: "a"), expiry: .seconds(9), of: Self.url))
        #expect(
            try server.command("GET", Self.key)
                == .string(
                    Array(
                        (#"{"data":"iVBORw0KGgo=","contentType":"image/png","size":8,"cachedAt":1700000000005,"#
                            + #""expiresAt":1700086400005,"etag":"a"}"#).utf8)))
    }

    @Test("any other layout is not renewed") func otherLayout() throws {
        let tier = tier()
        let value: RedisArgument =
            #"{"size":8,"data":"iVBORw0KGgo=","contentType":"image/png","cachedAt":1,"expiresAt":2}"#
        try server.command("SET", Self.key, value)
        let before = try found(tier)
        #expect(try !tier.renew(before, as: record(8, tag: "a"), expiry: .seconds(9), of: Self.url))
        #expect(try server.command("GET", Self.key) == .string(value.bytes))
    }

    @Test("what has been replaced, renewed or removed meanwhile is left alone", arguments: 0..<3, formats)
    func replaced(_ kind: Int, _ format: Configuration.Cache.Format) throws {
        let tier = tier(format)
        try tier.store(Samples.png(3_000), of: Self.url, at: Self.now)
        let before = try found(tier)
        switch kind {
        case 0: try tier.store(Samples.png(3_000), of: Self.url, at: Self.now + 1)
        case 1: #expect(try tier.renew(before, as: record(3_000, tag: "b"), expiry: .seconds(9), of: Self.url))
        default: try server.command("DEL", Self.key)
        }
        let value = try server.command("GET", Self.key)
        #expect(try !tier.renew(before, as: record(3_000, tag: "a"), expiry: .seconds(9), of: Self.url))
        #expect(try server.command("GET", Self.key) == value)
    }

    @Test(
        "a record of another image, or one that no reader would find, is refused",
        arguments: [(2_999, 1), (3_000, 1_000)])
    func refused(_ size: Int, _ tagLength: Int) throws {
        let tier = tier()
        try tier.store(Samples.png(3_000), of: Self.url, at: Self.now)
        let record = record(size, tag: String(repeating: "x", count: tagLength))
        #expect(try !tier.renew(found(tier), as: record, expiry: .seconds(9), of: Self.url))
        #expect(try found(tier).record == .sample(size: 3_000, at: Self.now))
    }

    @Test("memory takes the new record without asking for the bytes", arguments: sizes, formats)
    func memory(_ size: Int, _ format: Configuration.Cache.Format) throws {
        let image = Samples.png(size)
        let cache = TieredCache(memory: MemoryTier(limit: 64 << 20), shared: tier(format), gatheringLimit: 16 << 20)
        try cache.store(image, of: Self.url, at: Self.now)
        for _ in 0..<2 { #expect(try bytes(of: found(cache)) == image) }
        let renewed = record(size, tag: "a")
        #expect(try cache.renew(found(cache), as: renewed, expiry: .seconds(100), of: Self.url))
        try server.command("CONFIG", "RESETSTAT")
        let checkIsDue = ContinuousClock.now + .milliseconds(510)
        while ContinuousClock.now < checkIsDue { #expect(try found(cache).record == renewed) }
        #expect(try bytes(of: found(cache)) == image)
        guard case .string(let text) = try server.command("INFO", "commandstats") else { return #expect(Bool(false)) }
        let statistics = String(decoding: text, as: UTF8.self)
        #expect(!statistics.contains("cmdstat_get:"))
        #expect(statistics.contains("cmdstat_getrange:"), "it was compared with Redis")
    }

    @Test("a server where no script may be run says so and stays in use") func noScripts() throws {
        let tier = tier()
        try tier.store(Samples.png(99), of: Self.url, at: Self.now)
        try server.command("ACL", "SETUSER", "default", "-eval")
        let image = try found(tier)
        #expect(throws: CacheFailure.self) {
            try tier.renew(image, as: record(99, tag: "a"), expiry: .seconds(9), of: Self.url)
        }
        #expect(tier.isAvailable)
    }
}
