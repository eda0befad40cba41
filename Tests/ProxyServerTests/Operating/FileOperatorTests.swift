import Foundation
import ProxyCore
import Synchronization
import Testing

@testable import ProxyServer

@Suite struct FileOperatorTests {
    private let store: StoreFolder
    private let cache: CacheOperator
    private let tier: FileTier

    init() throws {
        store = try StoreFolder()
        tier = store.tier()
        cache = try CacheOperator(Self.configuration(store), logger: Samples.silent)
    }

    private static func configuration(_ store: StoreFolder) -> Configuration {
        var configuration = Samples.configuration
        configuration.cache.store = .directory(store.path)
        return configuration
    }

    private static func supervision(isStopped: @escaping @Sendable () -> Bool = { false }) -> Supervision {
        Supervision(isStopped: isStopped, advanced: { _, _ in })
    }

    private func url(_ number: Int) -> String { "http://h/\(number)" }

    private func put(_ urls: [String], age: Duration = .zero) throws {
        let time = systemClock() - Int64(age.wholeMilliseconds)
        for url in urls {
            try tier.store(Samples.png(100), of: url, at: time)
            try tier.storeMetadata(
                ImageMetadata(width: 37, height: 23, contentType: "image/png", size: 100, cachedAt: time), of: url)
        }
    }

    private func purge(_ selection: CacheSelection, isDryRun: Bool = false) throws -> PurgeReport {
        try cache.purge(selection, isDryRun: isDryRun, Self.supervision())
    }

    @Test func anEmptyFolderIsNotMade() throws {
        #expect(try purge(CacheSelection(.all)) == PurgeReport())
        #expect(try cache.clean(isDryRun: false, Self.supervision()) == CleanReport())
        #expect(try cache.inspect(url(1)).image == nil)
        #expect(try cache.statistics(Self.supervision())?.cache == CacheStatistics())
        #expect(!FileManager.default.fileExists(atPath: store.path))
    }

    @Test("who is meant goes, with all that belongs to him", arguments: [true, false]) func selections(_ isDryRun: Bool)
        throws
    {
        let urls = ["http://a.example/1", "http://a.example/2", "http://b.a.example/1", "https://c.example/x/1"]
        let selections: [(CacheSelection.Scope, [Int])] = [
            (.url(urls[1]), [1]), (.host(try #require(HostPattern("*.a.example"))), [2]),
            (.prefix(try #require(URLPrefix("https://c.example/x/"))), [3]), (.all, [0, 1, 2, 3]),
        ]
        for (scope, meant) in selections {
            try put(urls)
            var found: [String] = []
            let report = try cache.purge(CacheSelection(scope), isDryRun: isDryRun, Self.supervision()) {
                found.append($0)
            }
            #expect(report.counts == [.image: meant.count, .metadata: meant.count])
            #expect(found.sorted() == meant.map { urls[$0] }.sorted())
            for (number, url) in urls.enumerated() {
                #expect(tier.lookup(url).isAbsent == (!isDryRun && meant.contains(number)))
            }
        }
    }

    @Test func ageCountsFromWhenTheImageCame() throws {
        try put([url(1)], age: .seconds(1000))
        try put([url(2)], age: .seconds(10))
        let report = try purge(CacheSelection(.all, olderThan: .seconds(100)))
        #expect(report.counts == [.image: 1, .metadata: 1])
        #expect(tier.lookup(url(1)).isAbsent && !tier.lookup(url(2)).isAbsent)
    }

    @Test func leasesAndDraftsGoToo() throws {
        let token = FetchToken()
        #expect(tier.claimFetch(of: url(1), as: token, for: .seconds(100)) == .granted(isCached: false))
        let writer = tier.makeWriter(for: url(2), length: nil)
        for chunk in [Samples.png(99), [1]] { try writer.append(chunk) }
        #expect(try purge(CacheSelection(.all), isDryRun: true).counts == [.lease: 1, .draft: 1])
        #expect(try purge(CacheSelection(.url(url(1)))).counts == [.lease: 1])
        #expect(try purge(CacheSelection(.url(url(2)))).counts == [.draft: 1])
        #expect(!tier.renewFetch(of: url(1), as: token, for: .seconds(100)))
        #expect(throws: CacheFailure.self) { try writer.commit(.sample(size: 100, at: 1), expiry: .seconds(60)) }
    }

    @Test func whatIsDamagedOrLeftBehindIsCleanedAway() throws {
        try put((0..<6).map(url))
        let paths = try store.images
        try store.change(paths[0]) { $0[100] ^= 1 }
        try store.change(paths[1]) { $0.removeLast() }
        try store.change(paths[2]) { $0[$0.count - 1] ^= 1 }
        // Under the name of another key.
        try FileManager.default.removeItem(atPath: paths[4])
        try FileManager.default.copyItem(atPath: paths[3], toPath: paths[4])
        try tier.storeMetadata(
            ImageMetadata(width: 1, height: 1, contentType: "image/png", size: 9, cachedAt: 1), of: "http://h/orphan")
        try tier.storeMetadata(
            ImageMetadata(width: 1, height: 1, contentType: "image/png", size: 99 << 20, cachedAt: 1),
            of: "http://h/large")
        let expected: [Waste: Int] = [.damaged: 2, .cut: 1, .foreign: 1, .orphan: 1]
        for isDryRun in [true, false] {
            let report = try cache.clean(isDryRun: isDryRun, Self.supervision())
            #expect(report.found == expected && report.checked == 8 && report.isComplete)
            #expect(try store.images.count == (isDryRun ? 8 : 3))
        }
        #expect(try cache.clean(isDryRun: false, Self.supervision()).found.isEmpty)
        #expect(try cache.statistics(Self.supervision())?.cache.totalImages == 2)
    }

    @Test func whoIsStoppedSaysSo() throws {
        try put((0..<10).map(url))
        let questions = Mutex(0)
        let counting = Self.supervision {
            questions.withLock {
                $0 += 1; return $0 > 4
            }
        }
        let report = try cache.purge(CacheSelection(.all), isDryRun: false, counting)
        #expect(!report.isComplete && report.counts[.image] == 4)
        #expect(try store.images.count == 6)
    }

    @Test func inspection() throws {
        try put([url(1)])
        let found = try cache.inspect(url(1))
        #expect(found.record == (try ImageFile.open(store.images[0]))?.header.record)
        #expect(found.damage == nil && found.metadata?.width == 37 && found.format == .raw && found.lease == nil)
        #expect(found.image?.bytes == 2048 + 100 && (found.image?.expiresIn ?? 0) > 86_000_000)
        #expect(found.place == "in \(try store.images[0])")
        try store.change(store.images[0]) { $0[$0.count - 1] ^= 1 }
        #expect(try cache.inspect(url(1)).damage == "sum")
        try store.change(store.images[0]) { $0[100] ^= 1 }
        #expect(try cache.inspect(url(1)).damage == "header")
        let token = FetchToken()
        _ = tier.claimFetch(of: url(2), as: token, for: .seconds(100))
        #expect(try cache.inspect(url(2)).lease.map { $0.verdict == nil } == true)
        tier.endFetch(of: url(2), as: token, leaving: "404", for: .seconds(100))
        #expect(try cache.inspect(url(2)).lease?.verdict == "404")
    }

    @Test func warming() throws {
        let origin = try Origin(["/a": Origin.image(Samples.png(100)), "/b": Origin.image(Samples.html)])
        let warmer = try Warmer(Self.configuration(store), concurrency: 2, logger: Samples.silent)
        let ended = Mutex<[String: WarmOutcome]>([:])
        for expected in [WarmOutcome.kept(100), .fresh] {
            warmer.run([origin.url("/a"), origin.url("/b")], rate: nil, isStopped: { false }) { url, outcome in
                ended.withLock { $0[url] = outcome }
            }
            #expect(ended.withLock { $0[origin.url("/a")] } == expected)
            #expect(ended.withLock { $0[origin.url("/b")] } == .failed("upstream.not-an-image"))
        }
    }
}

/// Memory in front of the embedded store follows it as it follows Redis.
@Suite struct TieredFileTests {
    private let store: StoreFolder
    private static let url = "https://a.example/b.png"
    private static let sizes = [33, 1_000_000]

    init() throws { store = try StoreFolder() }

    private func warmed(_ image: [UInt8]) throws -> TieredCache<FileTier> {
        let cache = TieredCache(memory: MemoryTier(limit: 64 << 20), shared: store.tier(), gatheringLimit: 16 << 20)
        try store.tier().store(image, of: Self.url, at: store.clock.now)
        for _ in 0..<2 { #expect(try cache.lookup(Self.url).body() == image) }
        return cache
    }

    @Test("what another process removes, replaces or renews is seen", arguments: sizes) func follows(_ size: Int) throws
    {
        let image = Samples.png(size)
        let cache = try warmed(image)
        for path in try store.images { try FileManager.default.moveItem(atPath: path, toPath: path + ".away") }
        // From memory alone, until the next comparison.
        #expect(eventually { cache.lookup(Self.url).isAbsent })
        let new = Array(image.dropLast()) + [0xEE]
        let again = try warmed(image)
        try store.tier().store(new, of: Self.url, at: store.clock.now)
        #expect(try eventually { try again.lookup(Self.url).body() == new })
    }

    @Test("what is renewed here stays in memory", arguments: sizes) func renewal(_ size: Int) throws {
        let cache = try warmed(Samples.png(size))
        guard case .hit(let found) = cache.lookup(Self.url) else { return #expect(Bool(false)) }
        var record = found.record
        record.expiresAt += 1
        #expect(try cache.renew(found, as: record, expiry: .seconds(60), of: Self.url))
        for path in try store.images { try store.change(path) { $0[$0.count - 1] ^= 1 } }
        guard case .hit(let renewed) = cache.lookup(Self.url) else { return #expect(Bool(false)) }
        #expect(renewed.record == record)
        #expect(try CacheLookup.hit(renewed).body() == Samples.png(size), "from memory: the file is damaged by now")
    }
}
