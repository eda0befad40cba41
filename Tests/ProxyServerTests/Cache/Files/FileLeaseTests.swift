import Foundation
import ProxyCore
import Synchronization
import Testing

@testable import ProxyServer

@Suite struct FileLeaseTests {
    private let store: StoreFolder
    private let tier: FileTier
    private let another: FileTier
    private static let url = "https://a.example/b.png"
    private let mine = FetchToken()
    private let others = FetchToken()

    init() throws {
        store = try StoreFolder()
        tier = store.tier()
        another = store.tier()
    }

    private func claim(_ token: FetchToken, of url: String = url, _ tier: FileTier) -> FetchClaim {
        tier.claimFetch(of: url, as: token, for: .seconds(100))
    }

    @Test func oneIsGrantedAndTheOthersWait() throws {
        #expect(claim(mine, tier) == .granted(isCached: false))
        #expect(claim(others, tier) == .taken)
        #expect(claim(others, another) == .taken)
        #expect(claim(mine, tier) == .granted(isCached: false), "who holds it holds it")
        #expect(claim(others, of: "https://a.example/c.png", another) == .granted(isCached: false))
    }

    @Test func aProcessThatEndsHoldsNobodyUp() throws {
        var dying: FileTier? = store.tier()
        #expect(dying?.claimFetch(of: Self.url, as: mine, for: .seconds(100)) == .granted(isCached: false))
        #expect(claim(others, tier) == .taken)
        dying = nil
        #expect(claim(others, tier) == .granted(isCached: false))
    }

    @Test func oneWhoIsStoppedIsNotWaitedFor() throws {
        #expect(claim(mine, tier) == .granted(isCached: false))
        store.clock.advance(by: .seconds(99))
        #expect(tier.renewFetch(of: Self.url, as: mine, for: .seconds(100)))
        store.clock.advance(by: .seconds(99))
        #expect(claim(others, another) == .taken)
        store.clock.advance(by: .seconds(2))
        #expect(claim(others, another) == .unavailable, "everyone asks for himself")
    }

    @Test func whatHasEndedIsFree() throws {
        #expect(claim(mine, tier) == .granted(isCached: false))
        tier.endFetch(of: Self.url, as: others, leaving: "404", for: .seconds(9))
        #expect(claim(others, another) == .taken, "nobody ends the lease of another")
        tier.endFetch(of: Self.url, as: mine, leaving: nil, for: .seconds(9))
        #expect(store.names(in: "leases").isEmpty)
        #expect(!tier.renewFetch(of: Self.url, as: mine, for: .seconds(9)))
        #expect(claim(others, another) == .granted(isCached: false))
    }

    @Test("a verdict is told until it expires", arguments: ["404", "", "=", "no such image"])
    func verdict(_ text: String) throws {
        #expect(claim(mine, tier) == .granted(isCached: false))
        tier.endFetch(of: Self.url, as: mine, leaving: text, for: .seconds(9))
        for tier in [tier, another] {
            #expect(claim(others, tier) == .left(text))
            #expect(tier.verdict(on: Self.url) == text)
        }
        #expect(!tier.renewFetch(of: Self.url, as: mine, for: .seconds(9)))
        store.clock.advance(by: .seconds(10))
        #expect(another.verdict(on: Self.url) == nil)
        #expect(claim(others, another) == .granted(isCached: false))
        #expect(tier.verdict(on: Self.url) == nil, "somebody fetches")
    }

    @Test func whoIsGrantedALeaseHearsWhetherThereIsARecord() throws {
        try another.store(Samples.png(99), of: Self.url, at: store.clock.now)
        #expect(claim(mine, tier) == .granted(isCached: true))
    }

    @Test("of many that ask at once one is granted it") func many() throws {
        let tiers = (0..<8).map { _ in store.tier() }
        for round in 0..<20 {
            let claims = Mutex<[FetchClaim]>([])
            try onThreads(tiers.count) { number in
                let claim = tiers[number].claimFetch(
                    of: "https://a.example/\(round)", as: FetchToken(), for: .seconds(100))
                claims.withLock { $0.append(claim) }
            }
            let all = claims.withLock { $0 }
            #expect(all.count { $0 == .granted(isCached: false) } == 1 && all.count { $0 == .taken } == 7, "\(all)")
        }
    }

    @Test func whatIsLeftBehindIsSweptAway() throws {
        #expect(claim(mine, of: "https://a.example/held", tier) == .granted(isCached: false))
        for number in 0..<3 {
            let token = FetchToken()
            #expect(claim(token, of: "https://a.example/\(number)", tier) == .granted(isCached: false))
            tier.endFetch(
                of: "https://a.example/\(number)", as: token, leaving: "404", for: .seconds(number == 0 ? 500 : 5))
        }
        var dying: FileTier? = store.tier()
        #expect(dying?.claimFetch(of: Self.url, as: mine, for: .seconds(100)) == .granted(isCached: false))
        dying = nil
        let writer = tier.makeWriter(for: Self.url, length: nil)
        for chunk in [Samples.png(99), [1]] { try writer.append(chunk) }
        try Data([1]).write(to: URL(filePath: store.path + "/drafts/abandoned"))
        store.clock.advance(by: .seconds(70))
        another.sweep()
        #expect(store.names(in: "leases").count == 2, "the one that is held, and the one that is told")
        #expect(store.names(in: "drafts").count == 1, "the one that is being written")
        try writer.commit(.sample(size: 100, at: store.clock.now), expiry: .seconds(60))
        #expect(try tier.lookup(Self.url).body()?.count == 100)
    }
}
