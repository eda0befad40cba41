import Foundation
import Glibc
import ProxyCore
import Testing

@testable import ProxyServer

/// What somebody who can write to the folder of the embedded store may leave there: no process ends of it, and no image is
/// another.
@Suite struct HostileFolderTests {
    private let store: StoreFolder
    private let manager = FileManager.default
    private static let url = "https://a.example/b.png"
    private static let image = Samples.png(3_000)
    private static let everything = [UInt8](repeating: 0xFF, count: 2048)

    init() throws {
        store = try StoreFolder()
        try store.tier().store(Self.image, of: Self.url, at: store.clock.now)
    }

    private var digest: KeyDigest { KeyDigest(of: store.tier().key(for: Self.url).bytes) }
    private var index: String { FileShard.path(digest.shard, FileFolder(store.path)) }
    private var usage: String { FileShard.usagePath(FileFolder(store.path)) }

    /// It serves what it has, stores, counts, makes room and sweeps as if nothing had happened.
    private func expectService(_ comment: Comment, location: SourceLocation = #_sourceLocation) throws {
        let tier = store.tier()
        #expect(try tier.lookup(Self.url).body() == Self.image, comment, sourceLocation: location)
        for number in 0..<3 {
            let url = "https://a.example/\(number)"
            try tier.store(Samples.png(100 + number), of: url, at: store.clock.now)
            #expect(try tier.lookup(url).body() == Samples.png(100 + number), comment, sourceLocation: location)
            tier.remove(url)
        }
        tier.makeRoom()
        tier.sweep()
        try tier.store(Self.image, of: Self.url, at: store.clock.now)
        let statistics = try tier.statistics()
        #expect(statistics.totalImages == 1 && statistics.totalSize == 3_000, comment, sourceLocation: location)
        #expect(try tier.lookup(Self.url).body() == Self.image, comment, sourceLocation: location)
        #expect(tier.isAvailable, comment, sourceLocation: location)
    }

    /// An index that seems to be the current one, with one entry for each of these.
    private func forgeIndex(_ entries: [(size: UInt64, taken: UInt64, time: UInt64)]) throws {
        let folder = FileFolder(store.path).images(digest.shard)
        let changed = try #require(try lastChange(of: folder))
        var bytes = IndexText.head(changedAt: changed)
        for (number, entry) in entries.enumerated() {
            let high = UInt64(digest.shard) << 56
            for word in [high, UInt64(number), entry.size, entry.taken, entry.time, entry.time] {
                bytes += IndexText.bytes(word)
            }
            bytes += [3] + [UInt8](repeating: 0, count: 15)
        }
        // In the same file: the folder stays as it was.
        try store.change(index) { $0 = bytes }
        #expect(try lastChange(of: folder) == changed)
    }

    private func lastChange(of path: String) throws -> Int? {
        var status = stat()
        guard unsafe lstat(path, &status) == 0 else { return nil }
        return status.st_mtim.tv_sec * 1_000_000_000 + status.st_mtim.tv_nsec
    }

    static let lies: [(UInt64, UInt64, UInt64)] = [
        (.max, .max, .max), (UInt64(Int.max), UInt64(Int.max), UInt64(Int.max)), (1 << 63, 1 << 63, 1 << 63),
        (0, UInt64(Int.max), 0), (1 << 53, (1 << 53) + 1, 1),
    ]

    @Test("an index of numbers that cannot be is made anew", arguments: lies)
    func index(_ size: UInt64, _ taken: UInt64, _ time: UInt64) throws {
        try forgeIndex([(size, taken, time), (size, taken, time)])
        try expectService("\(size)")
    }

    @Test func eachNumberMayBeTrueAndTheirSumHasNoEnd() throws {
        try forgeIndex(Array(repeating: (1 << 53, 1 << 53, 1), count: 1100))
        let folder = try #require(try store.tier().overview().folder)
        #expect(folder.usedBytes == .max && folder.files == 1100)
        try expectService("made anew when room is made")
    }

    @Test func anIndexOfAnotherFolderIsMadeAnew() throws {
        let other = (digest.shard + 1) % 256
        var bytes = IndexText.head(changedAt: 0)
        bytes += IndexText.bytes(UInt64(other) << 56) + [UInt8](repeating: 0, count: 40) + [3]
        bytes += [UInt8](repeating: 0, count: 15)
        #expect(!IndexText.isPlausible(bytes, in: digest.shard) && IndexText.isPlausible(bytes, in: other))
    }

    @Test("an index may have any length", arguments: [0, 1, 63, 64, 65, 127, 1 << 40])
    func indexLength(_ length: Int) throws {
        #expect(unsafe truncate(index, length) == 0)
        try expectService("\(length) bytes")
        #expect(try manager.attributesOfItem(atPath: index)[.size] as? Int ?? .max < 1 << 20)
    }

    @Test func usageMayBeAnyNumbers() throws {
        try store.change(usage) { $0 = Self.everything }
        #expect(try store.tier().index.usage().allSatisfy { $0 == .max })
        try expectService("all folders are full")
        let usage = try store.tier().index.usage()
        #expect(usage.saturatingSum { $0 } < 1 << 20, "what was damaged is put right when room is made")
    }

    // As long as the file system lets it be.
    @Test("a file that says that it is very long", arguments: [1 << 40, 1 << 43])
    func length(_ length: Int) throws {
        let path = FileFolder(store.path).image(digest)
        try store.change(path) { $0 = [] }
        #expect(unsafe truncate(path, length) == 0)
        #expect(store.tier().lookup(Self.url).damage == "header")
        try manager.removeItem(atPath: index)
        #expect(try store.tier().statistics() == CacheStatistics())
        try store.tier().store(Self.image, of: Self.url, at: store.clock.now)
        try expectService("it was replaced")
    }

    @Test func aLengthOfAnEntryHasAnEnd() {
        #expect([0, 1, 4096, 4097].map { IndexEntry.blocks($0) } == [4096, 4096, 4096, 8192])
        #expect(IndexEntry.blocks(.max) == 1 << 53)
    }

    private enum Intruder: String, CaseIterable { case link, danglingLink, pipe, folder, foreign }

    /// Puts something in the place of a file or a folder; what was there is gone.
    private func put(_ intruder: Intruder, at path: String) throws {
        try? manager.removeItem(atPath: path)
        switch intruder {
        case .link: try manager.createSymbolicLink(atPath: path, withDestinationPath: outside)
        case .danglingLink: try manager.createSymbolicLink(atPath: path, withDestinationPath: outside + "/none")
        case .pipe: #expect(unsafe mkfifo(path, 0o600) == 0)
        case .folder: try manager.createDirectory(atPath: path, withIntermediateDirectories: false)
        case .foreign: #expect(manager.createFile(atPath: path, contents: Data([1, 2, 3])))
        }
    }

    /// A folder beside the store's that nothing must ever be written to.
    private var outside: String { store.path + "-outside" }

    private func withOutside(_ body: () throws -> Void) throws {
        try manager.createDirectory(atPath: outside, withIntermediateDirectories: false)
        defer { try? manager.removeItem(atPath: outside) }
        try Data([7]).write(to: URL(filePath: outside + "/index"))
        try body()
        #expect(try manager.contentsOfDirectory(atPath: outside) == ["index"])
        #expect(try Data(contentsOf: URL(filePath: outside + "/index")) == Data([7]))
    }

    @Test("what is no file gives its place to one") func noFile() throws {
        try withOutside {
            for intruder in Intruder.allCases {
                for path in [index, usage, FileFolder(store.path).image(digest)] {
                    try put(intruder, at: path)
                    let image = try? store.tier().lookup(Self.url).body()
                    #expect(image == nil || image == Self.image)
                    try store.tier().store(Self.image, of: Self.url, at: store.clock.now)
                    try expectService("\(intruder) at \(path)")
                }
            }
        }
    }

    @Test("what is no folder gives its place to one") func noFolder() throws {
        try withOutside {
            let folder = FileFolder(store.path)
            for intruder in Intruder.allCases where intruder != .folder {
                for path in [folder.drafts, store.path + "/images", folder.images(digest.shard), folder.leases] {
                    try put(intruder, at: path)
                    let image = try? store.tier().lookup(Self.url).body()
                    #expect(image == nil || image == Self.image)
                    try store.tier().store(Self.image, of: Self.url, at: store.clock.now)
                    let claim = store.tier().claimFetch(of: Self.url, as: FetchToken(), for: .seconds(1))
                    if case .granted = claim {} else { Issue.record("\(claim) with \(intruder) at \(path)") }
                    try expectService("\(intruder) at \(path)")
                }
            }
        }
    }

    // MARK: - Times

    /// 1677, 2262 and beyond both, as far as the file system has them.
    static let seconds = [-9_300_000_000, -1, 0, 9_223_372_036, 9_223_372_037, 9_300_000_000, 15_032_385_535]

    @Test("files may have any time", arguments: seconds) func times(_ second: Int) throws {
        let tier = store.tier()
        var counts = MetricsReading()
        counts.add(1, to: "hits")
        try tier.publish(counts, of: "a")
        let lease = FileFolder(store.path).leases
        _ = tier.claimFetch(of: Self.url, as: FetchToken(), for: .seconds(1))
        let draft = store.path + "/drafts/0123"
        let removed = store.path + "/removed"
        try manager.createDirectory(atPath: removed, withIntermediateDirectories: false)
        let mark = removed + "/" + FileFolder.bodyName(digest, 7)
        #expect(manager.createFile(atPath: draft, contents: Data()) && manager.createFile(atPath: mark, contents: nil))
        for path in [draft, mark, store.path + "/counts/a", lease, FileFolder(store.path).image(digest)] {
            var times = [timespec(tv_sec: second, tv_nsec: 1), timespec(tv_sec: second, tv_nsec: 1)]
            #expect(unsafe utimensat(AT_FDCWD, path, &times, AT_SYMLINK_NOFOLLOW) == 0)
        }
        _ = try tier.hostCounts()
        try expectService("\(second)")
        #expect(store.names(in: "drafts").isEmpty && store.names(in: "removed").isEmpty, "they are far from now")
    }

    @Test func aVerdictOfATimeThatIsYetToComeIsNoVerdict() throws {
        let (tier, url, token) = (store.tier(), "https://a.example/none", FetchToken())
        store.clock.advance(by: .seconds(-7200))
        guard case .granted = tier.claimFetch(of: url, as: token, for: .seconds(5)) else {
            return #expect(Bool(false), "a lease of a time that is yet to come is its holder's alone")
        }
        store.clock.advance(by: .seconds(7200))
        tier.endFetch(of: url, as: token, leaving: "apart", for: .seconds(7200))
        guard case .left("apart") = store.tier().claimFetch(of: url, as: FetchToken(), for: .seconds(5)) else {
            return #expect(Bool(false), "a verdict holds")
        }
        // The clock was wrong, and is set right.
        store.clock.advance(by: .seconds(-3600))
        guard case .granted = store.tier().claimFetch(of: url, as: FetchToken(), for: .seconds(5)) else {
            return #expect(Bool(false), "nobody is told it for an hour more")
        }
    }

    @Test("a host's counts may be any numbers, and as many as you like")
    func counts() throws {
        let path = store.path + "/counts/a"
        try manager.createDirectory(atPath: store.path + "/counts", withIntermediateDirectories: true)
        let extremes = [Int.min, -1, Int.max, 5].enumerated().map { "time.hit.\($0.offset) \($0.element)\n" }
        try Data(extremes.joined().utf8).write(to: URL(filePath: path))
        let found = try #require(try store.tier().hostCounts().first?.counts)
        #expect(found["time.hit.0"] == .min && found["time.hit.3"] == 5)
        _ = (found.quantile(0.5, of: "time.hit", .time), found.quantile(1, of: "time.hit", .time), found.hitRate)
        var text = PrometheusText()
        text.histogram("a", [], found, "time.hit", .time)
        #expect(text.text.contains("a_count"))
        #expect(unsafe truncate(path, 1 << 40) == 0)
        #expect(try store.tier().hostCounts().first?.counts.isEmpty == true)
    }
}
