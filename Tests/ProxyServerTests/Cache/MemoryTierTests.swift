import ProxyCore
import Testing

@testable import ProxyServer

@Suite struct MemoryTierTests {
    /// What an entry of 1,000 bytes is counted as.
    private static let cost = 1_000 + 1_024
    private static let keys = CacheKeyTemplate(prefix: "m:")

    private func key(_ number: Int) -> CacheKey { Self.keys.key(for: "https://a.example/\(number)") }

    /// An entry that is told from others by its `expiresAt`.
    private func entry(_ number: Int, size: Int = 1_000) -> MemoryEntry {
        let bytes = [UInt8](repeating: UInt8(truncatingIfNeeded: number), count: size)
        let image = CachedImage(
            type: .png,
            record: ImageRecord(contentType: "image/png", size: size, cachedAt: 0, expiresAt: Int64(number)),
            fingerprint: RecordFingerprint(key: key(number), tail: [], length: size), body: WholeBody([], 0..<0))
        return MemoryEntry(image, bytes, readAt: .now)
    }

    /// Room for `count` entries of 1,000 bytes, and not for one more.
    private func tier(of count: Int) -> MemoryTier { MemoryTier(limit: count * Self.cost + Self.cost - 1) }

    private func fill(_ tier: MemoryTier, _ numbers: some Sequence<Int>) {
        for number in numbers { tier.insert(entry(number), for: key(number)) }
    }

    @Test func whatIsPutInIsFound() throws {
        let tier = tier(of: 20)
        fill(tier, 1...2)
        let found = try #require(tier.entry(for: key(2)))
        var bytes: [UInt8] = []
        #expect(try found.forEachPiece(in: 0..<1_000) { bytes += Array(copying: $0) })
        #expect(bytes == [UInt8](repeating: 2, count: 1_000))
        #expect(found.record.expiresAt == 2)
        #expect(tier.entry(for: key(3)) == nil)
        #expect(tier.usage == (2 * Self.cost, 2))
    }

    @Test func puttingInAgainReplaces() {
        let tier = tier(of: 20)
        fill(tier, 1...3)
        tier.insert(entry(99, size: 500), for: key(2))
        #expect(tier.entry(for: key(2))?.record.expiresAt == 99)
        #expect(tier.usage == (3 * Self.cost - 500, 3))
    }

    @Test func whatIsRemovedIsGone() {
        let tier = tier(of: 20)
        fill(tier, 1...3)
        tier.remove(key(2))
        tier.remove(key(2))
        tier.remove(key(7))
        #expect(tier.entry(for: key(2)) == nil)
        #expect(tier.usage == (2 * Self.cost, 2))
        for number in [1, 3] { tier.remove(key(number)) }
        #expect(tier.usage == (0, 0))
        fill(tier, 4...5)
        #expect(tier.entry(for: key(4)) != nil && tier.entry(for: key(5)) != nil)
    }

    @Test("an eighth is the most that one entry may cost", arguments: [1_024, 8_191, 8_192, 8_193, 80_000])
    func refusesWhatIsTooLarge(_ limit: Int) {
        let tier = MemoryTier(limit: limit)
        let largest = limit / 8 - 1_024
        tier.insert(entry(1, size: max(0, largest + 1)), for: key(1))
        #expect(!tier.admits(largest + 1))
        #expect(tier.usage == (0, 0))
        guard largest >= 0 else { return }
        #expect(tier.admits(largest))
        tier.insert(entry(1, size: largest), for: key(1))
        #expect(tier.usage == (limit / 8, 1))
    }

    @Test func aHitEntryOutlivesOlderAndNewerOnes() {
        let tier = tier(of: 10)
        fill(tier, 1...10)
        _ = tier.entry(for: key(1))
        fill(tier, 11...19)
        #expect(tier.entry(for: key(1)) != nil)
        for number in 2...10 { #expect(tier.entry(for: key(number)) == nil) }
    }

    /// The hand that finds everything hit must not take what has just come.
    @Test func aNewEntryStaysWhereAllOthersWereHit() {
        let tier = tier(of: 10)
        fill(tier, 1...10)
        for number in 1...10 { _ = tier.entry(for: key(number)) }
        fill(tier, 11...11)
        #expect(tier.entry(for: key(11)) != nil)
        #expect(tier.entry(for: key(1)) == nil)
    }

    @Test func aPassOfManyDoesNotPushOutWhatIsHitAgainAndAgain() {
        let tier = tier(of: 50)
        fill(tier, 0..<20)
        for number in 100..<5_000 {
            if number % 5 == 0 { for hot in 0..<20 { #expect(tier.entry(for: key(hot)) != nil) } }
            fill(tier, number...number)
        }
        #expect(tier.usage.entries == 50)
    }

    @Test("it does what SIEVE does", arguments: 1...8 as ClosedRange<UInt64>) func model(_ seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let limit = 24 * Self.cost  // Some 12 of the 30 keys.
        let tier = MemoryTier(limit: limit)
        var sieve = NaiveSieve(limit: limit)
        for step in 0..<4_000 {
            let number = Int.random(in: 0..<30, using: &random)
            switch Int.random(in: 0..<10, using: &random) {
            case 0..<5:
                let size = Int.random(in: 0...5_500, using: &random)
                if tier.admits(size) { sieve.insert(number, version: step, cost: size + 1_024) }
                let entry = entry(step, size: size)
                tier.insert(entry, for: key(number))
            case 5..<8: #expect(tier.entry(for: key(number))?.record.expiresAt == sieve.hit(number).map(Int64.init))
            case 8:
                tier.remove(key(number))
                sieve.remove(number)
            default:  // What the hand stands at, if anything.
                guard let number = sieve.handed else { continue }
                tier.remove(key(number))
                sieve.remove(number)
            }
            #expect(tier.usage == (sieve.bytes, sieve.entries.count))
            #expect(tier.usage.bytes <= limit)
        }
        for number in 0..<30 {
            #expect(tier.entry(for: key(number))?.record.expiresAt == sieve.hit(number).map(Int64.init))
        }
    }
}

/// SIEVE as the paper has it, over an array from the oldest to the newest.
private struct NaiveSieve {
    struct Entry { var number: Int, version: Int, cost: Int, isVisited = false }

    let limit: Int
    private(set) var entries: [Entry] = []
    /// The number of the entry that the hand stands at; nil for the oldest.
    private(set) var handed: Int?

    init(limit: Int) { self.limit = limit }

    var bytes: Int { entries.reduce(0) { $0 + $1.cost } }

    private func place(_ number: Int?) -> Int? { entries.firstIndex { $0.number == number } }

    mutating func hit(_ number: Int) -> Int? {
        guard let place = place(number) else { return nil }
        entries[place].isVisited = true
        return entries[place].version
    }

    mutating func remove(_ number: Int) {
        guard let place = place(number) else { return }
        if handed == number { handed = place + 1 < entries.count ? entries[place + 1].number : nil }
        entries.remove(at: place)
    }

    mutating func insert(_ number: Int, version: Int, cost: Int) {
        remove(number)
        while bytes + cost > limit { evict() }
        entries.append(Entry(number: number, version: version, cost: cost))
    }

    private mutating func evict() {
        var place = place(handed) ?? 0
        while entries[place].isVisited {
            entries[place].isVisited = false
            place = (place + 1) % entries.count
        }
        handed = entries[place].number
        remove(entries[place].number)
    }
}

private struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var bits = state
        bits = (bits ^ bits >> 30) &* 0xBF58_476D_1CE4_E5B9
        bits = (bits ^ bits >> 27) &* 0x94D0_49BB_1331_11EB
        return bits ^ bits >> 31
    }
}
