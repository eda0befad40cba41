import Foundation
import ProxyCore
import Redis
import Testing

@testable import ProxyServer

@Suite struct RedisTierTests {
    private let server: RedisServer
    private let metrics = Metrics()
    private static let now: Int64 = 1_700_000_000_000
    private static let url = "https://a.example/b.png?c=d"
    private static let key: RedisArgument = "image-proxy:https://a.example/b.png?c=d"

    init() throws { server = try RedisServer() }

    /// Without room no long record is held.
    private func tier(
        timeout: Duration = .seconds(10), format: Configuration.Cache.Format = .json, hasRoom: Bool = true
    ) -> RedisTier {
        server.tier(timeout: timeout, format: format, storeBudget: hasRoom ? nil : ByteCount(0), metrics: metrics)
    }

    private func store(_ bytes: [UInt8], of url: String = url, at time: Int64 = now) throws {
        try tier().store(bytes, of: url, at: time)
    }

    private func record(
        _ data: String, type: String = "image/png", size: Int, expiresAt: Int64 = now + 60_000
    ) -> RedisArgument {
        RedisArgument(
            #"{"data":"\#(data)","contentType":"\#(type)","size":\#(size),"cachedAt":1,"expiresAt":\#(expiresAt)}"#)
    }

    private func base64(_ bytes: [UInt8]) -> String { Data(bytes).base64EncodedString() }

    // Around the largest record that is read whole (128 KiB), below the largest that is held (1 MiB), and beyond it.
    @Test(
        "what is stored is found again",
        arguments: [33, 3_000, 3_001, 98_000, 98_200, 98_400, 100_000, 700_000, 1_000_000], [true, false])
    func hit(_ size: Int, _ hasRoom: Bool) throws {
        let image = Samples.png(size)
        try store(image)
        let tier = tier(hasRoom: hasRoom)
        for _ in 0..<2 {  // The second time a large record is known to be sound.
            let lookup = tier.lookup(Self.url)
            guard case .hit(let found) = lookup else {
                Issue.record("\(lookup)")
                return
            }
            #expect(found.type == .png)
            #expect(found.size == size)
            #expect(found.record.expiresAt == Self.now + 86_400_000)
            #expect(try lookup.body() == image)
        }
    }

    @Test func theValueIsTheSharedRecordAndExpires() throws {
        let image = Samples.png(3_001)
        try store(image)
        let expected =
            #"{"data":"\#(base64(image))","contentType":"image/png","size":3001,"#
            + #""cachedAt":1700000000000,"expiresAt":1700086400000}"#
        #expect(try server.command("GET", Self.key) == .string(Array(expected.utf8)))
        guard case .integer(let lifetime) = try server.command("PTTL", Self.key) else { return #expect(Bool(false)) }
        #expect((1...86_400_000).contains(lifetime))
    }

    @Test func metadataIsWrittenBesideItAndExpires() throws {
        let metadata = ImageMetadata(width: 37, height: 23, contentType: "image/png", size: 100, cachedAt: Self.now)
        try tier().storeMetadata(metadata, of: Self.url)
        let key: RedisArgument = "image-metadata:https://a.example/b.png?c=d"
        #expect(try server.command("GET", key) == .string(metadata.encoded()))
        guard case .integer(let lifetime) = try server.command("PTTL", key) else { return #expect(Bool(false)) }
        #expect((86_400_001...604_800_000).contains(lifetime))
    }

    @Test func whatIsNotThereIsAbsent() throws {
        guard case .absent = tier().lookup(Self.url) else { return #expect(Bool(false)) }
        #expect(metrics.cacheFailures.count == 0)
    }

    @Test("a record that is no longer fresh is found") func stale() throws {
        try server.command("SET", Self.key, record(base64(Samples.png(99)), size: 99, expiresAt: 2))
        guard case .hit(let image) = tier().lookup(Self.url) else { return #expect(Bool(false)) }
        #expect(image.record.cachedAt == 1)
        #expect(image.record.expiresAt == 2)
    }

    @Test func aRecordOfAnotherLayoutIsAHit() throws {
        let image = Samples.png(99)
        let escaped = base64(image).replacingOccurrences(of: "/", with: #"\/"#)
        try server.command(
            "SET", Self.key,
            RedisArgument(
                #" {"expiresAt": \#(Self.now + 1), "new":[1], "cachedAt":1, "size":99, "contentType":"image\/jpeg", "#
                    + #""data":"\#(escaped)"} "#))
        let lookup = tier().lookup(Self.url)
        #expect(try lookup.body() == image)
        guard case .hit(let found) = lookup else { return }
        #expect(found.type == .png, "the bytes tell, not the label")
    }

    @Test("a record that is damaged", arguments: 0..<13) func damaged(_ number: Int) throws {
        let image = Samples.png(99)
        let text = base64(image)
        let html = base64(Samples.html)
        let cases: [RedisArgument] = [
            "", "null", "{}", "[1]", record("", size: 0), record(text, size: 98), record(text, size: 102),
            record("!" + text.dropFirst(), size: 99), record(text, type: "text/html", size: 99),
            record(html, size: Samples.html.count), record(text, type: #"image/png\r\nX: y"#, size: 99),
            RedisArgument(Array(record(text, size: 99).bytes.dropLast())), record(text + "AAAA", size: 99),
        ]
        try server.command("SET", Self.key, cases[number])
        let lookup = tier().lookup(Self.url)
        guard case .damaged = lookup else {
            Issue.record("\(lookup)")
            return
        }
        #expect(metrics.cacheFailures.count == 0, "Redis is not to blame")
    }

    @Test func aValueOfAnotherTypeIsDamageAndNoFailureOfTheServer() throws {
        try server.command("RPUSH", Self.key, "a")
        let tier = tier()
        guard case .damaged = tier.lookup(Self.url) else { return #expect(Bool(false)) }
        #expect(tier.isAvailable)
        try tier.store(Samples.png(99), of: Self.url, at: Self.now)
        #expect(try tier.lookup(Self.url).body() == Samples.png(99), "the miss that follows replaces it")
    }

    @Test("a large record with damage anywhere hands nothing out", arguments: [0.0, 0.001, 0.5, 0.999], [true, false])
    func largeDamage(_ place: Double, _ hasRoom: Bool) throws {
        let image = Samples.png(600_000)
        try store(image)
        let offset = ImageRecord.opening.count + Int(Double(800_000) * place)
        try server.command("SETRANGE", Self.key, RedisArgument(offset), "!")
        let tier = tier(hasRoom: hasRoom)
        for _ in 0..<2 {
            let lookup = tier.lookup(Self.url)
            guard case .damaged = lookup else {
                Issue.record("\(lookup)")
                return
            }
        }
    }

    @Test("a large record with another beginning is damaged", arguments: [true, false])
    func otherBeginning(_ hasRoom: Bool) throws {
        try store(Samples.png(600_000))
        try server.command("SETRANGE", Self.key, "2", "DATA")
        guard case .damaged = tier(hasRoom: hasRoom).lookup(Self.url) else { return #expect(Bool(false)) }
    }

    @Test("a large record that is no image is damaged", arguments: [true, false])
    func noImage(_ hasRoom: Bool) throws {
        let text = [UInt8](repeating: 0x41, count: 300_000)
        try server.command("SET", Self.key, record(base64(text), size: 300_000))
        guard case .damaged(reason: "not-an-image") = tier(hasRoom: hasRoom).lookup(Self.url) else {
            return #expect(Bool(false))
        }
    }

    /// Two of these fit into a quarter of the budget.
    @Test func aRecordThatNobodyHasReadIsReadOnceWhileThereIsRoom() throws {
        let image = Samples.png(700_000)
        let urls = (0..<4).map { "https://a.example/\($0)" }
        for url in urls { try store(image, of: url) }
        let tier = server.tier(storeBudget: .mebibytes(8), metrics: metrics)
        var held: [CacheLookup] = []
        for (url, expected) in zip(urls, [1, 1, 2]) {
            let reads = try readings { held.append(tier.lookup(url)) }
            #expect(reads == expected)
        }
        for lookup in held { #expect(try lookup.body() == image) }
        held = []
        for _ in 0..<2 {
            let reads = try readings { held = [tier.lookup(urls[3])] }
            #expect(reads == 1)
            #expect(try held[0].body() == image)
        }
    }

    @Test func aVeryLongRecordIsReadTwiceOnce() throws {
        let image = Samples.png(1_000_000)
        try store(image)
        let tier = tier()
        for expected in [2, 1] {
            var body: [UInt8]?
            let reads = try readings { body = try tier.lookup(Self.url).body() }
            #expect(reads == expected)
            #expect(body == image)
        }
    }

    /// How often a record was asked for meanwhile.
    private func readings(_ body: () throws -> Void) throws -> Int? {
        try server.command("CONFIG", "RESETSTAT")
        try body()
        guard case .string(let text) = try server.command("INFO", "commandstats") else { return nil }
        let calls = String(decoding: text, as: UTF8.self).firstMatch(of: /cmdstat_get:calls=(\d+),/)
        return calls.flatMap { Int($0.1) }
    }

    // MARK: - Raw records

    @Test("what one format's setting stored, the other's reads", arguments: [33, 3_000, 130_000, 1_000_000])
    func formats(_ size: Int) throws {
        let image = Samples.png(size)
        let settings: [(Configuration.Cache.Format, Configuration.Cache.Format)] =
            [(.raw, .raw), (.raw, .json), (.json, .raw)]
        for (writer, reader) in settings {
            try tier(format: writer).store(image, of: Self.url, at: Self.now)
            let tier = tier(format: reader)
            for _ in 0..<2 {
                let lookup = tier.lookup(Self.url)
                #expect(try lookup.body() == image)
                guard case .hit(let found) = lookup else { continue }
                #expect(found.record == .sample(size: size, at: Self.now))
            }
            #expect(try tier.statistics().totalSize == size)
        }
    }

    @Test func rawTakesAQuarterLess() throws {
        var lengths: [Int64] = []
        for format in [Configuration.Cache.Format.json, .raw] {
            try tier(format: format).store(Samples.png(300_000), of: Self.url, at: Self.now)
            guard case .integer(let length) = try server.command("STRLEN", Self.key) else {
                return #expect(Bool(false))
            }
            lengths.append(length)
        }
        #expect(lengths[1] < lengths[0] * 76 / 100)
        #expect(lengths[1] < 300_000 + 200)
    }

    @Test("a large raw record is read once, not verified first") func rawIsReadOnce() throws {
        try tier(format: .raw).store(Samples.png(1_000_000), of: Self.url, at: Self.now)
        let tier = tier(format: .raw, hasRoom: false)
        var body: [UInt8]?
        let reads = try readings { body = try tier.lookup(Self.url).body() }
        #expect(reads == 1)
        #expect(body != nil)
    }

    @Test("a raw record that is damaged", arguments: [99, 1_000_000], 0..<6)
    func rawDamage(_ size: Int, _ number: Int) throws {
        let image = Samples.png(size)
        let closing = ImageRecord.sample(size: size, at: Self.now).closing(.raw)
        let wrongLength = closing.dropLast(9) + Array("0".utf8) + closing.suffix(8)
        let cases: [[UInt8]] = [
            image.dropLast() + closing, image + [0] + closing, image + wrongLength,
            [UInt8](repeating: 0, count: size) + closing, Array((image + closing).dropLast()),
            image + ImageRecord(contentType: "text/html", size: size, cachedAt: 1, expiresAt: 2).closing(.raw),
        ]
        try server.command("SET", Self.key, RedisArgument(cases[number]))
        guard case .damaged = tier(format: .raw).lookup(Self.url) else { return #expect(Bool(false)) }
    }

    /// What was sound once is streamed unchecked; whatever has changed since breaks one response off, and is found out by
    /// the next who asks.
    @Test func aKnownRecordThatIsDamagedLaterBreaksOffOnce() throws {
        try store(Samples.png(1_000_000))
        let tier = tier()
        #expect(try tier.lookup(Self.url).body() != nil)
        try server.command("SETRANGE", Self.key, "700000", "!")
        #expect(try tier.lookup(Self.url).body() == nil)
        #expect(tier.lookup(Self.url).damage == "base64")
        #expect(tier.isAvailable, "it is not the server's fault")
        try store(Samples.png(1_000_000))
        #expect(try tier.lookup(Self.url).body() == Samples.png(1_000_000))
    }

    /// Redis must not be asked again and again for what it does not deliver.
    @Test("a server that fails while a hit goes out is away", arguments: [Configuration.Cache.Format.json, .raw])
    func failureUnderWay(_ format: Configuration.Cache.Format) throws {
        try tier(format: format).store(Samples.png(12_000_000), of: Self.url, at: Self.now)
        let tier = tier(timeout: .seconds(2), format: format)
        #expect(try tier.lookup(Self.url).body() != nil)
        guard case .hit(let image) = tier.lookup(Self.url) else { return #expect(Bool(false)) }
        server.end()
        #expect(try image.forEachPiece { _ in } == false)
        #expect(!tier.isAvailable)
        #expect(metrics.cacheFailures.count == 1)
    }

    /// Each takes twice its length while it is there, so of the longest there is one at a time.
    @Test func recordsOfAnotherLayoutAreNotHeldInAnyNumber() throws {
        let image = Samples.png(14 << 20)
        try server.command(
            "SET", Self.key,
            RedisArgument(
                #"{"size":\#(image.count),"contentType":"image/png","cachedAt":1,"expiresAt":\#(Self.now),"data":""#
                    + base64(image) + #"","more":[\#(String(repeating: "0,", count: 2000))0]}"#))
        let tier = tier()
        let first = tier.lookup(Self.url)
        guard case .absent = tier.lookup(Self.url) else { return #expect(Bool(false), "the first has all the room") }
        #expect(try first.body() == image)
    }

    @Test func aLookupThatIsNotReadLeavesAUsableConnection() throws {
        try store(Samples.png(1_000_000))
        try store(Samples.png(99), of: "https://a.example/small")
        let tier = tier()
        _ = tier.lookup(Self.url)
        #expect(try tier.lookup("https://a.example/small").body() == Samples.png(99))
        #expect(try tier.lookup(Self.url).body() == Samples.png(1_000_000))
        #expect(metrics.cacheFailures.count == 0)
    }

    @Test func statisticsAreOfWhatIsThere() throws {
        let tier = tier()
        #expect(try tier.statistics() == CacheStatistics())
        for number in 1...1_500 {
            try tier.store(Samples.png(100), of: "https://a.example/\(number)", at: Self.now + Int64(number))
        }
        try tier.storeMetadata(
            ImageMetadata(width: 1, height: 1, contentType: "image/png", size: 1, cachedAt: 1),
            of: "https://a.example/1")
        try server.command("SET", "another", "value")
        try server.command("SET", "image-proxy:no-record", "value")
        try server.command("RPUSH", "image-proxy:no-string", "value")
        try server.command("DEL", "image-proxy:https://a.example/1")
        var expected = CacheStatistics()
        expected.totalImages = 1_499
        expected.totalSize = 149_900
        expected.oldestCache = Self.now + 2
        expected.newestCache = Self.now + 1_500
        let share = CacheStatistics.Share(images: 1_499, bytes: 149_900)
        expected.types = ["image/png": share]
        expected.sizes[0] = share
        #expect(try tier.statistics() == expected)
    }

    @Test("records that others have laid out in their way are counted", arguments: [99, 100_000])
    func statisticsOfForeignRecords(_ size: Int) throws {
        let escaped = base64(Samples.png(size)).replacingOccurrences(of: "/", with: #"\/"#)
        let members = #""contentType": "image/png", "size": \#(size), "cachedAt": 7, "expiresAt": 8"#
        for (number, value) in [
            #"{"data": "\#(base64(Samples.png(size)))", \#(members)}"#, #"{\#(members), "data": "\#(escaped)"}"#,
            #"{\#(members)}"#,
        ].enumerated() {
            try server.command("SET", RedisArgument("image-proxy:\(number)"), RedisArgument(value))
        }
        let statistics = try tier().statistics()
        #expect(statistics.totalImages == 2)
        #expect(statistics.totalSize == 2 * size)
        #expect(statistics.oldestCache == 7)
    }

    @Test func aServerThatIsGoneIsAskedOnceAndNotAgain() throws {
        try store(Samples.png(99))
        let tier = tier()
        server.end()
        for _ in 0..<3 {
            guard case .unavailable = tier.lookup(Self.url) else { return #expect(Bool(false)) }
        }
        #expect(!tier.isAvailable)
        #expect(metrics.cacheFailures.count == 1)
        #expect(throws: CacheFailure.self) {
            try tier.store(Samples.png(99), of: Self.url, at: Self.now)
        }
        #expect(throws: CacheFailure.self) { try tier.statistics() }
    }

    @Test func aServerThatRefusesWritesIsStillRead() throws {
        try store(Samples.png(99))
        try server.command("CONFIG", "SET", "maxmemory", "1")
        let tier = tier()
        #expect(throws: CacheFailure.self) {
            try tier.store(Samples.png(99), of: "https://a.example/2", at: Self.now)
        }
        #expect(try tier.lookup(Self.url).body() == Samples.png(99))
        #expect(tier.isAvailable)
    }
}
