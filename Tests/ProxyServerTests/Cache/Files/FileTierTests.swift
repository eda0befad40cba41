import Foundation
import Glibc
import ProxyCore
import Testing

@testable import ProxyServer

@Suite struct FileTierTests {
    private let store: StoreFolder
    private static let url = "https://a.example/b.png?c=d"
    private static let other = "https://a.example/other.png"

    init() throws { store = try StoreFolder() }

    private var now: Int64 { store.clock.now }

    private func put(_ bytes: [UInt8], of url: String = url, chunkSize: Int = 1 << 20, isLengthKnown: Bool = true)
        throws
    {
        try store.tier().store(bytes, of: url, at: now, chunkSize: chunkSize, isLengthKnown: isLengthKnown)
    }

    private func path() throws -> String { try #require(try store.images.first) }

    // Around what is read in one piece, and pieces of a stream.
    private static let sizes = [33, 3_000, 131_071, 131_072, 131_073, 262_144, 1_000_000]

    @Test("what is stored is found again, by another process", arguments: sizes) func hit(_ size: Int) throws {
        let image = Samples.png(size)
        let time = now
        try store.tier().store(image, of: Self.url, at: time)
        let lookup = store.tier().lookup(Self.url)
        #expect(try lookup.body() == image)
        guard case .hit(let found) = lookup else { return }
        #expect(found.type == .png)
        #expect(found.record == .sample(size: size, at: time))
        #expect(try store.images.count == 1)
        #expect(store.names(in: "drafts").isEmpty)
    }

    @Test(
        "chunks join into the image, whether its length is known or not", arguments: [1, 7, 8, 100_000], [true, false])
    func chunks(_ chunkSize: Int, _ isLengthKnown: Bool) throws {
        let image = Samples.png(chunkSize < 100 ? 1_000 : 300_001)
        try put(image, chunkSize: chunkSize, isLengthKnown: isLengthKnown)
        #expect(try store.tier().lookup(Self.url).body() == image)
    }

    @Test("a part of an image", arguments: sizes) func part(_ size: Int) throws {
        let image = Samples.png(size)
        try put(image)
        guard case .hit(let found) = store.tier().lookup(Self.url) else { return #expect(Bool(false)) }
        for range in [0..<1, 1..<7, size - 3..<size, 5..<size, 0..<size] {
            var bytes: [UInt8] = []
            #expect(try found.body.forEachPiece(in: range) { bytes += Array(copying: $0) })
            #expect(bytes == Array(image[range]))
        }
    }

    @Test func whatIsNotThereIsAbsentAndNothingIsMadeForIt() {
        #expect(store.tier().lookup(Self.url).isAbsent)
        #expect(!FileManager.default.fileExists(atPath: store.path))
        #expect(store.metrics.cacheFailures.count == 0)
    }

    @Test func theFolderIsPrivate() throws {
        try put(Samples.png(99))
        let manager = FileManager.default
        for (path, mode) in [(store.path, 0o700), (store.path + "/images", 0o700), (try path(), 0o600)] {
            #expect(try manager.attributesOfItem(atPath: path)[.posixPermissions] as? Int == mode)
        }
    }

    @Test func aFolderThatEverybodyCanWriteToIsNotUsed() throws {
        try FileManager.default.createDirectory(atPath: store.path, withIntermediateDirectories: false)
        try FileManager.default.setAttributes([.posixPermissions: 0o777], ofItemAtPath: store.path)
        let tier = store.tier()
        guard case .unavailable = tier.lookup(Self.url) else { return #expect(Bool(false)) }
        #expect(!tier.isAvailable)
        #expect(throws: CacheFailure.self) { try tier.store(Samples.png(99), of: Self.url, at: now) }
        #expect(store.names(in: "").isEmpty)
    }

    @Test func whatReplacesAnImageIsSeenAtOnce() throws {
        try put(Samples.png(3_000))
        guard case .hit(let old) = store.tier().lookup(Self.url) else { return #expect(Bool(false)) }
        let new = Array(Samples.png(3_000).dropLast()) + [0xEE]
        try put(new)
        #expect(try store.tier().lookup(Self.url).body() == new)
        #expect(try CacheLookup.hit(old).body() == Samples.png(3_000), "who has begun to read reads on")
        #expect(try store.images.count == 1)
    }

    @Test("one who reads a large image reads on while it is replaced or removed", arguments: [true, false])
    func readsOn(_ isReplaced: Bool) throws {
        let image = Samples.png(1_000_000)
        try put(image)
        let lookup = store.tier().lookup(Self.url)
        if isReplaced { try put(Samples.png(999_999)) } else { store.tier().remove(Self.url) }
        #expect(try lookup.body() == image)
    }

    @Test func whatHasExpiredIsGone() throws {
        try put(Samples.png(99))
        store.clock.advance(by: .seconds(86_399))
        #expect(try store.tier().lookup(Self.url).body() != nil)
        store.clock.advance(by: .seconds(2))
        #expect(try store.tier().statistics() == CacheStatistics(), "it does not count")
        #expect(store.tier().lookup(Self.url).isAbsent)
        #expect(try store.images.isEmpty, "whoever meets it removes it")
    }

    @Test func removal() throws {
        try put(Samples.png(99))
        try put(Samples.png(98), of: Self.other)
        store.tier().remove(Self.url)
        store.tier().remove("https://a.example/none")
        #expect(store.tier().lookup(Self.url).isAbsent)
        #expect(try store.tier().lookup(Self.other).body() != nil)
        #expect(try store.tier().statistics().totalImages == 1)
    }

    // MARK: - Damage

    @Test("no bit that is wrong is ever handed out") func everyBit() throws {
        let image = Samples.png(200)
        try put(image)
        let path = try path()
        let sound = Array(try Data(contentsOf: URL(filePath: path)))
        let tier = store.tier()
        let located = ImageFileHeader.parse(sound.span)
        let header = try #require(located?.length)
        let used = try #require(sound[..<header].lastIndex { $0 != UInt8(ascii: " ") })
        // Of the header alone, each is tried where it is parsed.
        for index in Array(stride(from: 0, through: used, by: 7)) + Array(stride(from: header, to: sound.count, by: 3))
        {
            try store.change(path) { $0[index] ^= 1 << UInt8(index % 8) }
            let served = try tier.lookup(Self.url).body()
            #expect(served == nil, "byte \(index)")
            try store.change(path) { $0 = sound }
        }
        #expect(try tier.lookup(Self.url).body() == image)
        #expect(store.metrics.cacheFailures.count == 0, "the folder is not to blame")
    }

    @Test("a file that is cut, or longer, is damaged", arguments: [99, 1_000_000], [-1, -50, 1, 4096])
    func length(_ size: Int, _ difference: Int) throws {
        try put(Samples.png(size))
        try store.change(try path()) { bytes in
            if difference < 0 {
                bytes.removeLast(-difference)
            } else {
                bytes += [UInt8](repeating: 0, count: difference)
            }
        }
        let tier = store.tier()
        #expect(tier.lookup(Self.url).damage == "sizeMismatch")
        try tier.store(Samples.png(size), of: Self.url, at: now)
        #expect(try tier.lookup(Self.url).body() == Samples.png(size), "the miss that follows replaces it")
    }

    @Test("of a large image that is damaged the last piece is never handed out", arguments: [0.3, 0.999])
    func largeDamage(_ place: Double) throws {
        let image = Samples.png(1_000_000)
        try put(image)
        try store.change(try path()) { $0[$0.count - 1_000_000 + Int(1_000_000 * place)] ^= 0x10 }
        let tier = store.tier()
        guard case .hit(let found) = tier.lookup(Self.url) else { return #expect(Bool(false)) }
        var count = 0
        let isWhole = try found.forEachPiece { count += $0.byteCount }
        #expect(!isWhole && count < image.count)
        guard case .absent = tier.lookup(Self.url) else { return #expect(Bool(false), "nobody gets it again") }
        #expect(try store.images.isEmpty)
    }

    @Test("what is no image is not served, whoever wrote it", arguments: [99, 200_000]) func poison(_ size: Int) throws
    {
        let tier = store.tier()
        let html = Array((Samples.html + [UInt8](repeating: 0x20, count: size)).prefix(size))
        for (type, body) in [("image/png", html), ("text/html", Samples.png(size)), ("text/html", html)] {
            let writer = tier.makeWriter(for: Self.url, length: size)
            try writer.append(body)
            try writer.commit(
                ImageRecord(contentType: type, size: size, cachedAt: now, expiresAt: now + 1000), expiry: .seconds(60))
            #expect(tier.lookup(Self.url).damage == "not-an-image")
        }
    }

    @Test func whatIsNoFileOfOursIsDamagedOrAbsent() throws {
        try put(Samples.png(99))
        try put(Samples.png(98), of: Self.other)
        let paths = try store.images
        // The file of another key: no hit of that.
        let mine = FileFolder(store.path).image(KeyDigest(of: store.tier().key(for: Self.url).bytes))
        let others = try #require(paths.first { $0 != mine })
        let manager = FileManager.default
        try manager.removeItem(atPath: mine)
        try manager.copyItem(atPath: others, toPath: mine)
        #expect(store.tier().lookup(Self.url).isAbsent)
        for make in [
            { try manager.createSymbolicLink(atPath: mine, withDestinationPath: others) },
            { try manager.createDirectory(atPath: mine, withIntermediateDirectories: false) },
            { #expect(unsafe mkfifo(mine, 0o600) == 0) },
        ] as [() throws -> Void] {
            try manager.removeItem(atPath: mine)
            try make()
            #expect(store.tier().lookup(Self.url).damage == "not-a-file")
        }
        #expect(store.tier().isAvailable)
    }

    // MARK: - Writing

    @Test func whatIsNotCommittedIsNotThere() throws {
        let tier = store.tier()
        var writer: (any CacheWriter)? = tier.makeWriter(for: Self.url, length: nil)
        try writer?.append(Samples.png(99))
        try writer?.append([1])
        #expect(store.names(in: "drafts").count == 1)
        #expect(tier.lookup(Self.url).isAbsent)
        writer = nil
        #expect(store.names(in: "drafts").isEmpty)
        #expect(try tier.statistics() == CacheStatistics())
    }

    @Test("an image of another length than was said is not stored", arguments: [98, 100, nil])
    func wrongLength(_ length: Int?) throws {
        let writer = store.tier().makeWriter(for: Self.url, length: length)
        #expect(throws: CacheFailure.self) {
            try writer.append(Samples.png(99))
            try writer.commit(.sample(size: length ?? 7, at: now), expiry: .seconds(60))
        }
        #expect(store.names(in: "drafts").isEmpty)
        #expect(try store.images.isEmpty)
    }

    @Test func whatWasPurgedWhileItWasWrittenDoesNotComeBack() throws {
        let tier = store.tier()
        let writer = tier.makeWriter(for: Self.url, length: nil)
        try writer.append(Samples.png(99))
        try writer.append([1])
        for name in store.names(in: "drafts") {
            try FileManager.default.removeItem(atPath: "\(store.path)/drafts/\(name)")
        }
        #expect(throws: CacheFailure.self) { try writer.commit(.sample(size: 100, at: now), expiry: .seconds(60)) }
        #expect(tier.isAvailable)
        #expect(tier.lookup(Self.url).isAbsent)
    }

    @Test func aFolderThatVanishesIsMadeAgain() throws {
        let tier = store.tier()
        try tier.store(Samples.png(99), of: Self.url, at: now)
        try FileManager.default.removeItem(atPath: store.path)
        #expect(tier.lookup(Self.url).isAbsent)
        #expect(try tier.statistics() == CacheStatistics())
        try tier.store(Samples.png(99), of: Self.url, at: now)
        #expect(try tier.lookup(Self.url).body() == Samples.png(99))
    }

    // MARK: - Renewal and metadata

    @Test("a renewal writes the record and leaves the bytes", arguments: [99, 1_000_000]) func renewal(_ size: Int)
        throws
    {
        let image = Samples.png(size)
        try put(image)
        let tier = store.tier()
        guard case .hit(let found) = tier.lookup(Self.url) else { return #expect(Bool(false)) }
        var record = found.record
        record.expiresAt += 5_000
        record.extra = [JSONField("etag", .string(String(repeating: "x", count: 200)))]
        #expect(try tier.renew(found, as: record, expiry: .seconds(172_800), of: Self.url))
        guard case .hit(let renewed) = tier.lookup(Self.url) else { return #expect(Bool(false)) }
        #expect(renewed.record == record && renewed.fingerprint != found.fingerprint)
        #expect(try CacheLookup.hit(renewed).body() == image)
        store.clock.advance(by: .seconds(100_000))
        #expect(try tier.lookup(Self.url).body() == image, "it stays for longer")
        #expect(try tier.statistics().totalImages == 1)
        #expect(!(try tier.renew(found, as: record, expiry: .seconds(60), of: Self.url)), "that is not there any more")
    }

    @Test func nothingRenewsAnotherImage() throws {
        try put(Samples.png(99))
        let tier = store.tier()
        guard case .hit(let found) = tier.lookup(Self.url) else { return #expect(Bool(false)) }
        try put(Samples.png(99))
        #expect(!(try tier.renew(found, as: found.record, expiry: .seconds(60), of: Self.url)))
        tier.remove(Self.url)
        #expect(!(try tier.renew(found, as: found.record, expiry: .seconds(60), of: Self.url)))
    }

    private func metadata() -> ImageMetadata {
        ImageMetadata(width: 37, height: 23, contentType: "image/png", size: 99, cachedAt: now)
    }

    @Test func metadataStandWithTheImage() throws {
        try put(Samples.png(99))
        let tier = store.tier()
        guard case .hit(let before) = tier.lookup(Self.url) else { return #expect(Bool(false)) }
        let metadata = metadata()
        try tier.storeMetadata(metadata, of: Self.url)
        #expect(try ImageFile.open(try path())?.header.metadata == metadata)
        guard case .hit(let after) = tier.lookup(Self.url) else { return #expect(Bool(false)) }
        #expect(after.fingerprint == before.fingerprint, "copies of the image are still copies")
        #expect(try tier.statistics().totalImages == 1)
    }

    @Test func metadataWithoutAnImageAreNoImage() throws {
        let tier = store.tier()
        try tier.storeMetadata(metadata(), of: Self.url)
        #expect(tier.lookup(Self.url).isAbsent)
        #expect(try tier.statistics() == CacheStatistics())
        store.clock.advance(by: .seconds(7 * 86_400 + 1))
        #expect(tier.lookup(Self.url).isAbsent)
        #expect(try store.images.isEmpty)
    }

    // MARK: - Statistics

    @Test func statisticsAreExact() throws {
        let tier = store.tier()
        for number in 1...20 { try tier.store(Samples.png(number * 100), of: "https://a.example/\(number)", at: now) }
        tier.remove("https://a.example/20")
        let statistics = try store.tier().statistics()
        #expect(statistics.totalImages == 19 && statistics.totalSize == 19_000)
        #expect(statistics.types == ["image/png": .init(images: 19, bytes: 19_000)])
        #expect(statistics.sizes[0].images == 10 && statistics.sizes[1].images == 9)
        #expect(statistics.oldestCache.map { $0 <= now } == true)
    }

    @Test("what was removed by hand does not count, nor what came back by hand is forgotten")
    func byHand() throws {
        let tier = store.tier()
        for number in 0..<20 { try tier.store(Samples.png(100), of: "https://a.example/\(number)", at: now) }
        let paths = try store.images
        let manager = FileManager.default
        for path in paths.prefix(5) { try manager.moveItem(atPath: path, toPath: path + ".away") }
        #expect(try tier.statistics().totalImages == 15)
        for path in paths.prefix(5) { try manager.moveItem(atPath: path + ".away", toPath: path) }
        #expect(try tier.statistics().totalImages == 20)
        for path in paths { try? manager.removeItem(atPath: (path as NSString).deletingLastPathComponent + "/index") }
        #expect(try tier.statistics().totalImages == 20)
    }

    // MARK: - Room

    @Test func theStoreStaysWithinItsSize() throws {
        let tier = store.tier(size: .mebibytes(1))
        for number in 0..<100 { try tier.store(Samples.png(30_000), of: "https://a.example/\(number)", at: now) }
        let taken = try tier.index.usage().reduce(0, +)
        #expect(taken <= 1 << 20 && taken > (1 << 20) * 3 / 4)
        #expect(try store.images.count == (try tier.statistics().totalImages))
        #expect(try tier.lookup("https://a.example/99").body() != nil, "the newest is there")
        #expect(tier.lookup("https://a.example/0").isAbsent, "the oldest is not")
    }

    @Test func whatIsUsedStays() throws {
        let tier = store.tier(size: .mebibytes(1))
        func age(_ path: String, by seconds: Int) {
            var times = [
                timespec(tv_sec: Int(now / 1000) - seconds, tv_nsec: 0), timespec(tv_sec: 0, tv_nsec: (1 << 30) - 2),
            ]
            _ = unsafe utimensat(AT_FDCWD, path, &times, 0)
        }
        for number in 0..<20 { try tier.store(Samples.png(30_000), of: "https://a.example/\(number)", at: now) }
        for path in try store.images { age(path, by: 1000) }
        #expect(try tier.lookup("https://a.example/3").body() != nil)
        for number in 20..<45 { try tier.store(Samples.png(30_000), of: "https://a.example/\(number)", at: now) }
        #expect(try tier.lookup("https://a.example/3").body() != nil)
        #expect(try store.images.count < 40)
    }

    @Test func whatHasExpiredGoesFirst() throws {
        let tier = store.tier(size: .mebibytes(1))
        for number in 0..<10 { try tier.store(Samples.png(30_000), of: "https://a.example/\(number)", at: now) }
        store.clock.advance(by: .seconds(86_401))
        for number in 10..<34 { try tier.store(Samples.png(30_000), of: "https://a.example/\(number)", at: now) }
        for number in 10..<34 { #expect(try tier.lookup("https://a.example/\(number)").body() != nil) }
    }

    // MARK: - Counts

    @Test func countsAreAddedUpForEachHost() throws {
        var counts = MetricsReading()
        counts.add(3, to: "hits")
        counts.add(1, to: "time.hit.3")
        try store.tier().publish(counts, of: "a")
        try store.tier().publish(counts, of: "a")
        try store.tier().publish(counts, of: "../b/ c")
        let hosts = try store.tier().hostCounts()
        #expect(Set(hosts.map(\.host)) == ["a", "_._b__c"])
        #expect(hosts.first { $0.host == "a" }?.counts["hits"] == 6)
        #expect(hosts.first { $0.host == "a" }?.counts["time.hit.3"] == 2)
        store.clock.advance(by: .seconds(8 * 86_400))
        #expect(try store.tier().hostCounts().isEmpty)
    }
}
