import FastCGI
import Foundation
import ProxyCore
import Synchronization

@testable import ProxyServer

/// A folder for the embedded store, removed with the last reference, and tiers over it as several processes have them.
final class StoreFolder {
    let path: String
    let metrics = Metrics()
    let clock = AdjustableClock()

    init() throws {
        path = FileManager.default.temporaryDirectory.path + "/image-proxy-store-" + UUID().uuidString
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func tier(size: ByteCount = .gibibytes(1)) -> FileTier {
        var settings = Configuration.Cache()
        settings.fileCacheSize = size
        let clock = clock
        return FileTier(
            path, settings, turnstile: Turnstile(limit: 4), metrics: metrics, logger: Samples.silent,
            clock: { clock.now })
    }

    /// The files of images, by their paths.
    var images: [String] {
        get throws {
            (0..<256).flatMap { shard -> [String] in
                let folder = FileFolder(path).images(shard)
                let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
                return names.filter { KeyDigest($0) != nil }.map { "\(folder)/\($0)" }
            }
        }
    }

    func names(in folder: String) -> [String] {
        (try? FileManager.default.contentsOfDirectory(atPath: "\(path)/\(folder)")) ?? []
    }

    func change(_ path: String, _ body: (inout [UInt8]) -> Void) throws {
        var bytes = Array(try Data(contentsOf: URL(filePath: path)))
        body(&bytes)
        let handle = try FileHandle(forWritingTo: URL(filePath: path))
        try handle.write(contentsOf: Data(bytes))
        try handle.truncate(atOffset: UInt64(bytes.count))
        try handle.close()
    }
}

/// The time of day, ahead of the system's by as much as a test says.
final class AdjustableClock: Sendable {
    private let ahead = Atomic<Int64>(0)

    var now: Int64 { systemClock() + ahead.load(ordering: .relaxed) }

    func advance(by time: Duration) { ahead.add(Int64(time.wholeMilliseconds), ordering: .relaxed) }
}

extension CacheLookup {
    /// What a hit hands out; nil when it is none, or breaks off.
    func body() throws -> [UInt8]? {
        guard case .hit(let image) = self else { return nil }
        var bytes: [UInt8] = []
        let isWhole = try image.forEachPiece { bytes += Array(copying: $0) }
        return isWhole && bytes.count == image.size ? bytes : nil
    }

    var isAbsent: Bool { if case .absent = self { true } else { false } }
    var damage: String? { if case .damaged(let reason) = self { reason } else { nil } }
}
