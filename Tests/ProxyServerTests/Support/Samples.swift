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

    /// A tee that has taken `bytes`.
    static func tee(_ bytes: [UInt8], chunkSize: Int = 3_000) -> TeeBuffer {
        let tee = TeeBuffer(
            gate: SizeGate(limit: .max), budget: StoreBudget(limit: .max), chunkSize: chunkSize)
        tee.append(RawSpan(_elements: bytes.span))
        return tee
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
