import ProxyCore
import Testing

@testable import ProxyServer

/// Many processes at once: tiers of their own, on threads of their own, over one folder.
@Suite struct FileConcurrencyTests {
    private let store: StoreFolder

    init() throws { store = try StoreFolder() }

    private static func image(_ number: Int) -> [UInt8] { Samples.png(2_000 + number) }

    @Test("readers see whole images while they are stored, renewed, removed and make room")
    func readersAndWriters() throws {
        let tiers = (0..<6).map { _ in store.tier(size: .mebibytes(1)) }
        let now = store.clock.now
        try onThreads(tiers.count) { number in
            let tier = tiers[number]
            for turn in 0..<100 {
                let url = "https://a.example/\(turn % 7)"
                if number < 3 {
                    try tier.store(Self.image(turn % 100), of: url, at: now)
                    if case .hit(let found) = tier.lookup(url) {
                        var record = found.record
                        record.extra = [JSONField("etag", .string(String(repeating: "e", count: turn % 90)))]
                        _ = try tier.renew(found, as: record, expiry: .seconds(60), of: url)
                    }
                    if turn % 11 == 0 { tier.remove(url) }
                } else {
                    let lookup = tier.lookup(url)
                    if let reason = lookup.damage { throw CacheFailure(reason: reason) }
                    guard case .hit = lookup else { continue }
                    guard let body = try lookup.body(), body == Self.image(body.count - 2_000) else {
                        throw CacheFailure(reason: "an image that nobody stored")
                    }
                }
            }
        }
        let statistics = try store.tier().statistics()
        #expect(statistics.totalImages == (try store.images.count))
        #expect(store.names(in: "drafts").isEmpty)
    }

    @Test func countsOfManyAddUp() throws {
        let tiers = (0..<6).map { _ in store.tier() }
        try onThreads(tiers.count) { number in
            var counts = MetricsReading()
            counts.add(1, to: "hits")
            for _ in 0..<20 { try tiers[number].publish(counts, of: "h") }
        }
        #expect(try store.tier().hostCounts().first?.counts["hits"] == 120)
    }

    @Test func indexesAreExactAfterManyHaveWritten() throws {
        let tiers = (0..<4).map { _ in store.tier() }
        let now = store.clock.now
        try onThreads(tiers.count) { number in
            for turn in 0..<100 {
                try tiers[number].store(Samples.png(100), of: "https://\(number).example/\(turn)", at: now)
            }
        }
        #expect(try store.tier().statistics().totalImages == 400)
        #expect(try store.tier().index.usage().reduce(0, +) == 400 * 4096)
    }
}
