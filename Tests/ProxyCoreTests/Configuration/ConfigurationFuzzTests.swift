import Testing

@testable import ProxyCore

/// The same sequence on every run.
private struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

@Suite struct ConfigurationFuzzTests {
    /// Every key with a good value, and the secret where secrets are.
    private static let seed: [UInt8] = {
        var lines = Dictionary(KeyTable.accepted.map { ($0.key, $0.text) }) { first, _ in first }
        lines["IMAGE_PROXY_CACHE"] = "redis://user:hunter2@[::1]:6379/0"
        lines["IMAGE_PROXY_SIGNING_KEYS"] = "hunter2,\"hunter2\""
        return Array(
            lines.sorted { $0.key < $1.key }.map { "\($0.key)=\"\($0.value)\" \\\n" }.joined(separator: "\n").utf8)
    }()

    private static let pieces = [
        "\"", "'", "\\", "\n", "\r", "=", "#", " ", "{url}", "@", "[", "%", ",", "9", "\u{301}", "\0",
    ]

    private static func mutated(_ generator: inout SplitMix) -> String {
        var bytes = seed
        for _ in 0..<Int.random(in: 1...12, using: &generator) {
            let place = Int.random(in: 0..<bytes.count, using: &generator)
            switch Int.random(in: 0..<4, using: &generator) {
            case 0: bytes[place] = UInt8.random(in: 0...255, using: &generator)
            case 1: bytes.remove(at: place)
            case 2: bytes.insert(contentsOf: (pieces.randomElement(using: &generator) ?? "").utf8, at: place)
            default: bytes.removeLast(min(bytes.count - 1, Int.random(in: 0..<40, using: &generator)))
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    @Test("a damaged file loads or says why", arguments: 0..<8 as Range<UInt64>) func mutatedFiles(_ seed: UInt64) {
        var generator = SplitMix(state: seed)
        var refused = 0
        for _ in 0..<250 {
            let text = Self.mutated(&generator)
            do {
                _ = try Configuration.load(environment: [:], file: ("f", text))
            } catch {
                refused += 1
                #expect(!error.problems.isEmpty)
                let lines = text.utf8.count + 1
                for case .file(_, let line) in error.problems.map(\.origin) { #expect((1...lines).contains(line)) }
            }
        }
        #expect(refused > 0, "the damage is too slight to test anything")
    }

    @Test("random bytes never stop a reader", arguments: 0..<4 as Range<UInt64>) func randomValues(_ seed: UInt64) {
        var generator = SplitMix(state: seed)
        for _ in 0..<50 {
            let count = Int.random(in: 0..<24, using: &generator)
            let bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
            let text = String(decoding: bytes, as: UTF8.self)
            for key in ConfigurationKey.all { _ = problems([key.name: text], secretFile: text) }
        }
    }

    @Test("a damaged address of the cache never shows its password", arguments: 0..<4 as Range<UInt64>)
    func damagedCacheAddress(_ seed: UInt64) {
        var generator = SplitMix(state: seed)
        for _ in 0..<2000 {
            var bytes = Array("redis://user:hunter2@[::1]:6379/0".utf8)
            // The damage spares the scheme: without it nothing tells a password from any other text.
            let piece = Self.pieces.randomElement(using: &generator) ?? ""
            let place = Int.random(in: 6...12, using: &generator)
            let end = Int.random(in: 20...bytes.count, using: &generator)
            bytes.removeSubrange(end...)
            bytes.insert(contentsOf: piece.utf8, at: place)
            #expect(!CacheStore.redact(String(decoding: bytes, as: UTF8.self)).contains("hunter2"))
        }
    }
}
