import ProxyCore
import Redis
import Testing

@testable import ProxyServer

@Suite struct RedisWriterTests {
    private let server: RedisServer
    private static let now: Int64 = 1_700_000_000_000
    private static let url = "https://a.example/b.png"
    private static let key: RedisArgument = "image-proxy:https://a.example/b.png"
    private static let old = Samples.png(99)

    init() throws { server = try RedisServer() }

    private func tier(_ format: Configuration.Cache.Format = .json) -> RedisTier { server.tier(format: format) }

    private func keys() throws -> [String] {
        guard case .array(let keys) = try server.command("KEYS", "*") else { return [] }
        return keys.compactMap { if case .string(let key) = $0 { String(decoding: key, as: UTF8.self) } else { nil } }
    }

    private func draft() throws -> RedisArgument {
        RedisArgument(
            try #require(
                try keys().first { $0.hasPrefix("{\(String(decoding: Self.key.bytes, as: UTF8.self))}:draft-") }))
    }

    private func integer(_ words: RedisArgument...) throws -> Int64 {
        guard case .integer(let number) = try server.command(words) else { return -9 }
        return number
    }

    private func stored(_ format: Configuration.Cache.Format = .json) throws -> [UInt8]? {
        guard case .hit(let image) = tier(format).lookup(Self.url) else { return nil }
        var bytes: [UInt8] = []
        return try image.forEachPiece { bytes += Array(copying: $0) } ? bytes : nil
    }

    /// The lengths of the chunks, in turn; most are no multiple of 3.
    static let chunkings = [[30_000], [29_999], [1, 2, 50_000], [1], [2], [3_000, 1, 1, 1, 90_000]]

    @Test(
        "chunks of any length join into the image, whether its length is known or not", arguments: chunkings,
        Configuration.Cache.Format.allCases.flatMap { [($0, true), ($0, false)] })
    func chunks(_ lengths: [Int], _ kind: (format: Configuration.Cache.Format, isLengthKnown: Bool)) throws {
        for size in [99, 100, 101] + (lengths.max() ?? 0 > 2 ? [300_001] : []) {
            let image = Samples.png(size)
            let writer = tier(kind.format).makeWriter(for: Self.url, length: kind.isLengthKnown ? size : nil)
            var start = 0
            var turn = 0
            while start < size {
                let end = min(start + lengths[turn % lengths.count], size)
                try writer.append(Array(image[start..<end]))
                (start, turn) = (end, turn + 1)
            }
            try writer.commit(.sample(size: size, at: Self.now), expiry: .seconds(60))
            #expect(try stored(kind.format) == image)
            #expect(try keys().count == 1)
            #expect((1...60_000).contains(try integer("PTTL", Self.key)))
        }
    }

    @Test("nothing is sent before an image of one chunk is whole") func oneChunk() throws {
        let writer = tier().makeWriter(for: Self.url, length: nil)
        try writer.append(Samples.png(3_000))
        #expect(try keys() == [])
        try writer.commit(.sample(size: 3_000, at: Self.now), expiry: .milliseconds(60_500))
        #expect(try keys().count == 1)
        #expect((60_001...60_500).contains(try integer("PTTL", Self.key)))
    }

    @Test("a large image is not there before it is whole, and what was there stays", arguments: [true, false])
    func atomicity(_ isLengthKnown: Bool) throws {
        try tier().store(Self.old, of: Self.url, at: Self.now)
        let image = Samples.png(90_000)
        let writer = tier().makeWriter(for: Self.url, length: isLengthKnown ? image.count : nil)
        for start in stride(from: 0, to: image.count, by: 30_000) {
            try writer.append(Array(image[start..<start + 30_000]))
            #expect(try stored() == Self.old)
        }
        #expect(try tier().statistics().totalImages == 1, "a draft is no image")
        #expect((1...600_000).contains(try integer("PTTL", draft())), "it goes by itself")
        try writer.commit(.sample(size: image.count, at: Self.now), expiry: .seconds(60))
        #expect(try stored() == image)
        #expect(try keys().count == 1)
    }

    @Test("a value of known length is allocated at once", arguments: Configuration.Cache.Format.allCases)
    func allocation(_ format: Configuration.Cache.Format) throws {
        let image = Samples.png(3_000_000)
        try tier(format).store(image, of: Self.url, at: Self.now)
        let whole = try integer("MEMORY", "USAGE", Self.key)
        try tier(format).store(image, of: Self.url, at: Self.now, chunkSize: 300_000)
        // An allocator has classes of sizes; growth by appending would add up to a megabyte.
        #expect(try integer("MEMORY", "USAGE", Self.key) < whole + 600_000)
        #expect(
            try integer("STRLEN", Self.key) < ImageRecord.sample(size: image.count, at: Self.now).encodedLength(format)
                + 400)
    }

    @Test("an image that is given up leaves nothing", arguments: [true, false]) func discard(_ isExplicit: Bool) throws
    {
        do {
            let writer = tier().makeWriter(for: Self.url, length: 90_000)
            for _ in 0..<2 { try writer.append(Samples.png(30_000)) }
            #expect(try keys().count == 1)
            if isExplicit {
                writer.discard()
                #expect(try keys() == [])
                #expect(throws: CacheFailure.self) { try writer.append([1]) }
                #expect(throws: CacheFailure.self) {
                    try writer.commit(.sample(size: 60_000, at: Self.now), expiry: .seconds(60))
                }
            }
        }
        #expect(try keys() == [])
    }

    @Test("what is longer or shorter than was said is not stored", arguments: [29_999, 59_999, 60_001, 90_000])
    func lengthMismatch(_ length: Int) throws {
        let writer = tier().makeWriter(for: Self.url, length: length)
        #expect(throws: CacheFailure.self) {
            for _ in 0..<2 { try writer.append(Samples.png(30_000)) }
            try writer.commit(.sample(size: 60_000, at: Self.now), expiry: .seconds(60))
        }
        #expect(try keys() == [])
    }

    @Test("a record of another size is not stored", arguments: [1, 3]) func sizeMismatch(_ chunks: Int) throws {
        let writer = tier().makeWriter(for: Self.url, length: nil)
        for _ in 0..<chunks { try writer.append(Samples.png(30_000)) }
        #expect(throws: CacheFailure.self) {
            try writer.commit(.sample(size: 30_000 * chunks + 1, at: Self.now), expiry: .seconds(60))
        }
        #expect(try keys() == [])
    }

    @Test("what no reader could find at the end of a value is not stored", arguments: [1, 3])
    func tooManyFields(_ chunks: Int) throws {
        for (length, isStored) in [(100, true), (1_000, false)] {
            let writer = tier().makeWriter(for: Self.url, length: nil)
            for _ in 0..<chunks { try writer.append(Samples.png(30_000)) }
            var record = ImageRecord.sample(size: 30_000 * chunks, at: Self.now)
            record.extra = [JSONField("etag", .string(String(repeating: "x", count: length)))]
            if isStored {
                try writer.commit(record, expiry: .seconds(60))
            } else {
                #expect(throws: CacheFailure.self) { try writer.commit(record, expiry: .seconds(60)) }
            }
        }
        guard case .hit(let image) = tier().lookup(Self.url) else { return #expect(Bool(false)) }
        #expect(image.record[extra: "etag"] == .string(String(repeating: "x", count: 100)))
    }

    @Test("a draft that Redis has evicted is never published", arguments: [true, false], [1, 2])
    func eviction(_ isLengthKnown: Bool, _ chunksAfter: Int) throws {
        try tier().store(Self.old, of: Self.url, at: Self.now)
        let writer = tier().makeWriter(for: Self.url, length: isLengthKnown ? 30_000 * (1 + chunksAfter) : nil)
        for _ in 0..<2 { try writer.append(Samples.png(30_000)) }
        try server.command("DEL", draft())
        #expect(throws: CacheFailure.self) {
            for _ in 1..<chunksAfter { try writer.append(Samples.png(30_000)) }
            try writer.commit(.sample(size: 30_000 * (1 + chunksAfter), at: Self.now), expiry: .seconds(60))
        }
        #expect(try stored() == Self.old)
        #expect(try keys().count == 1)
    }

    @Test("a server that has no more memory refuses, keeps nothing, and is still read") func outOfMemory() throws {
        let tier = tier()
        try tier.store(Self.old, of: Self.url, at: Self.now)
        let writer = tier.makeWriter(for: Self.url, length: nil)
        for _ in 0..<2 { try writer.append(Samples.png(30_000)) }
        try server.command("CONFIG", "SET", "maxmemory", "1")
        #expect(throws: CacheFailure.self) { try writer.append(Samples.png(30_000)) }
        #expect(try keys().count == 1)
        #expect(tier.isAvailable)
        #expect(try stored() == Self.old)
    }

    @Test("writers of one image do not disturb each other") func concurrentWriters() throws {
        let images = [Samples.png(60_000), Samples.png(90_000)]
        let writers = images.map { tier().makeWriter(for: Self.url, length: $0.count) }
        for start in stride(from: 0, to: 90_000, by: 30_000) {
            for (writer, image) in zip(writers, images) where start < image.count {
                try writer.append(Array(image[start..<start + 30_000]))
            }
        }
        for (writer, image) in zip(writers, images) {
            try writer.commit(.sample(size: image.count, at: Self.now), expiry: .seconds(60))
            #expect(try stored() == image)
        }
        #expect(try keys().count == 1)
    }
}
