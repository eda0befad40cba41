import Logging
import ProxyCore

@testable import ProxyServer

/// Bytes that are images by their beginning, and a configuration to serve them under.
enum Samples {
    /// A PNG's signature and header (37 by 23 pixels), and then filler: nobody here decodes it.
    static func png(_ count: Int) -> [UInt8] {
        let header: [UInt8] = [
            0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, 0, 0, 0, 13, 0x49, 0x48, 0x44, 0x52, 0, 0, 0, 37, 0, 0, 0,
            23,
            8, 2, 0, 0, 0,
        ]
        let filler = (0..<max(0, count - header.count)).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
        return Array((header + filler).prefix(count))
    }

    static let svg = Array(#"<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>"#.utf8)
    static let html = Array("<!DOCTYPE html><title>no image</title>".utf8)

    static let silent = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    /// A chunk that is full of `bytes`.
    static func chunk(_ bytes: [UInt8], of budget: StoreBudget = StoreBudget(limit: .max)) -> ImageChunk {
        let chunk = ImageChunk(capacity: bytes.count, in: ChunkMemory())
        if let reservation = Reservation(bytes.count, of: budget, within: budget.limit) {
            chunk.grow(by: bytes.count, reservation)
        }
        _ = chunk.take(RawSpan(_elements: bytes.span))
        return chunk
    }

    /// Everything is allowed on loopback.
    static var configuration: Configuration {
        var configuration = Configuration()
        configuration.source.allowedHosts = ["*"]
        configuration.source.allowedNetworks = ["127.0.0.0/8"]
        configuration.source.allowedPorts = Set(1...65_535)
        return configuration
    }
}

extension CacheTier {
    /// Stores an image that is fresh for a day, in chunks.
    func store(
        _ bytes: [UInt8], of urlText: String, at time: Int64, chunkSize: Int = 1 << 20, isLengthKnown: Bool = true
    ) throws(CacheFailure) {
        let writer = makeWriter(for: urlText, length: isLengthKnown ? bytes.count : nil)
        for start in stride(from: 0, to: bytes.count, by: chunkSize) {
            try writer.append(Array(bytes[start..<min(start + chunkSize, bytes.count)]))
        }
        try writer.commit(.sample(size: bytes.count, at: time), expiry: .seconds(86_400))
    }
}

extension ImageRecord {
    static func sample(size: Int, at time: Int64) -> ImageRecord {
        ImageRecord(contentType: "image/png", size: size, cachedAt: time, expiresAt: time + 86_400_000)
    }
}
