import ProxyCore
import Redis
import Testing

@testable import ProxyServer

@Suite struct LeaseTests {
    private let server: RedisServer
    private let tier: RedisTier
    private static let url = "https://a.example/b.png"
    private static let lease: RedisArgument = "{image-proxy:https://a.example/b.png}:fetch"
    private let mine = FetchToken()
    private let others = FetchToken()

    init() throws {
        server = try RedisServer()
        tier = server.tier()
    }

    private func claim(_ token: FetchToken, of url: String = url) -> FetchClaim {
        tier.claimFetch(of: url, as: token, for: .seconds(100))
    }

    private func timeLeft() throws -> Int64 {
        guard case .integer(let left) = try server.command("PTTL", Self.lease) else { return -9 }
        return left
    }

    @Test func oneIsGrantedAndTheOthersWait() throws {
        #expect(claim(mine) == .granted(isCached: false))
        #expect(claim(others) == .taken)
        #expect(claim(mine) == .granted(isCached: false), "who holds it holds it")
        #expect(claim(others, of: "https://a.example/c.png") == .granted(isCached: false))
        #expect((1...100_000).contains(try timeLeft()))
    }

    @Test func aLeaseThatHasRunOutIsFree() throws {
        #expect(claim(mine) == .granted(isCached: false))
        try server.command("PEXPIRE", Self.lease, "0")
        #expect(claim(others) == .granted(isCached: false))
        #expect(!tier.renewFetch(of: Self.url, as: mine, for: .seconds(900)))
        tier.endFetch(of: Self.url, as: mine, leaving: "late", for: .seconds(900))
        #expect(claim(mine) == .taken, "nobody ends the lease of another")
        #expect(try timeLeft() <= 100_000)
    }

    @Test func whoHoldsItCanKeepIt() throws {
        #expect(claim(mine) == .granted(isCached: false))
        #expect(tier.renewFetch(of: Self.url, as: mine, for: .seconds(900)))
        #expect((100_001...900_000).contains(try timeLeft()))
    }

    @Test func whatHasEndedIsFree() throws {
        #expect(claim(mine) == .granted(isCached: false))
        tier.endFetch(of: Self.url, as: mine, leaving: nil, for: .seconds(9))
        #expect(try server.command("EXISTS", Self.lease) == .integer(0))
        #expect(claim(others) == .granted(isCached: false))
    }

    @Test("a verdict is told until it expires", arguments: ["404", "", "=", "no such image"])
    func verdict(_ text: String) throws {
        #expect(claim(mine) == .granted(isCached: false))
        tier.endFetch(of: Self.url, as: mine, leaving: text, for: .seconds(9))
        for token in [mine, others] { #expect(claim(token) == .left(text)) }
        #expect((1...9_000).contains(try timeLeft()))
        #expect(!tier.renewFetch(of: Self.url, as: mine, for: .seconds(9)))
        try server.command("PEXPIRE", Self.lease, "0")
        #expect(claim(others) == .granted(isCached: false))
    }

    @Test func aVerdictIsReadWithoutALease() throws {
        #expect(tier.verdict(on: Self.url) == nil)
        #expect(claim(mine) == .granted(isCached: false))
        #expect(tier.verdict(on: Self.url) == nil, "somebody fetches")
        tier.endFetch(of: Self.url, as: mine, leaving: "404", for: .seconds(9))
        #expect(tier.verdict(on: Self.url) == "404")
        try server.command("DEL", Self.lease)
        try server.command("RPUSH", Self.lease, "=404")
        #expect(tier.verdict(on: Self.url) == nil)
        #expect(tier.isAvailable, "a value of another type is no trouble of the server's")
        server.end()
        #expect(tier.verdict(on: Self.url) == nil)
    }

    @Test func whoIsGrantedALeaseHearsWhetherThereIsARecord() throws {
        try server.command("SET", RedisArgument("image-proxy:\(Self.url)"), "anything")
        #expect(claim(mine) == .granted(isCached: true))
        #expect(claim(mine) == .granted(isCached: true))
    }

    @Test func leasesAreNoImages() throws {
        #expect(claim(mine) == .granted(isCached: false))
        #expect(try tier.statistics() == CacheStatistics())
        guard case .absent = tier.lookup(Self.url) else { return #expect(Bool(false)) }
    }

    @Test func withoutRedisThereIsNoLease() {
        server.end()
        #expect(claim(mine) == .unavailable)
        #expect(!tier.isAvailable)
        #expect(!tier.renewFetch(of: Self.url, as: mine, for: .seconds(9)))
        tier.endFetch(of: Self.url, as: mine, leaving: nil, for: .seconds(9))
    }

    @Test func aServerThatTakesNoWritesGivesNoLease() throws {
        try server.command("CONFIG", "SET", "maxmemory", "1")
        #expect(claim(mine) == .unavailable)
        #expect(tier.isAvailable)
    }

    @Test("a lease is in its image's slot", arguments: ["image-proxy:{url}", "{images}:{url}", "x{url}{y}", "{}{url}"])
    func slot(_ template: String) throws {
        let cluster = try RedisServer(
            "--cluster-enabled", "yes", "--cluster-port", "\(try freePort())", "--bind", "127.0.0.1")
        let keys = try #require(CacheKeyTemplate(template))
        for url in ["https://a.example/b.png", "https://a.example/{c}d", "https://a.example/{}d"] {
            let key = keys.key(for: url)
            let slots = try [key.bytes, key.companion("fetch"), key.companion("draft-1")].map {
                try cluster.command("CLUSTER", "KEYSLOT", RedisArgument($0))
            }
            // Of a key that has braces around nothing, Redis hashes all, and no other key has that for a tag.
            guard !String(decoding: key.bytes, as: UTF8.self).contains("{}") else { continue }
            #expect(Set(slots).count == 1)
        }
    }
}
