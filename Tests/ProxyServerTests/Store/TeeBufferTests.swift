import ProxyCore
import Testing

@testable import ProxyServer

@Suite struct TeeBufferTests {
    private func append(_ bytes: [UInt8], to tee: TeeBuffer) { tee.append(RawSpan(_elements: bytes.span)) }

    @Test("bytes are kept in chunks of the chunk's size", arguments: [0, 1, 29, 30, 31, 60, 61], [1, 7, 30, 64])
    func chunks(_ count: Int, _ piece: Int) {
        let bytes = Samples.png(count)
        let tee = TeeBuffer(gate: SizeGate(limit: 100), budget: StoreBudget(limit: 100), chunkSize: 30)
        for start in stride(from: 0, to: count, by: piece) {
            append(Array(bytes[start..<min(start + piece, count)]), to: tee)
        }
        #expect(tee.chunks.flatMap { $0 } == bytes)
        #expect(tee.chunks.dropLast().allSatisfy { $0.count == 30 })
        #expect(tee.chunks.allSatisfy { !$0.isEmpty })
        #expect(tee.size == count)
        #expect(tee.outcome == .kept)
    }

    @Test("an image of exactly the limit is kept, one above is not", arguments: [100, 101], [true, false])
    func gate(_ count: Int, _ isAnnounced: Bool) {
        let budget = StoreBudget(limit: 1000)
        let tee = TeeBuffer(gate: SizeGate(limit: 100), budget: budget, chunkSize: 30)
        if isAnnounced { tee.expect(count) }
        append(Samples.png(99), to: tee)
        append(Samples.png(count - 99), to: tee)
        #expect(tee.outcome == (count > 100 ? .tooLarge : .kept))
        #expect(tee.chunks.isEmpty == (count > 100))
        #expect(tee.size == count)
        #expect(budget.usage == (count > 100 ? 0 : 100))
    }

    @Test func whatIsAnnouncedTooLargeIsLetGoAtOnce() {
        let tee = TeeBuffer(gate: SizeGate(limit: 100), budget: StoreBudget(limit: 1000), chunkSize: 30)
        tee.expect(101)
        #expect(tee.outcome == .tooLarge)
        append([1], to: tee)
        #expect(tee.chunks.isEmpty)
    }

    @Test func anAnnouncedLengthIsReservedAtOnce() {
        let budget = StoreBudget(limit: 100)
        let tee = TeeBuffer(gate: SizeGate(limit: 100), budget: budget, chunkSize: 30)
        tee.expect(80)
        #expect(budget.usage == 80)
        append(Samples.png(80), to: tee)
        #expect(budget.usage == 80)
    }

    @Test("past the budget everything is let go", arguments: [true, false]) func overBudget(_ isAnnounced: Bool) {
        let budget = StoreBudget(limit: 100)
        #expect(budget.reserve(50))
        let tee = TeeBuffer(gate: SizeGate(limit: 1000), budget: budget, chunkSize: 30)
        if isAnnounced { tee.expect(51) } else { append(Samples.png(50), to: tee) }
        append([1], to: tee)
        #expect(tee.outcome == .overBudget)
        #expect(tee.chunks.isEmpty)
        #expect(budget.usage == 50, "what others have reserved stays")
    }

    @Test func whatItHeldIsReleasedWithTheLastReference() {
        let budget = StoreBudget(limit: 100)
        do {
            let tee = TeeBuffer(gate: SizeGate(limit: 100), budget: budget, chunkSize: 30)
            append(Samples.png(40), to: tee)
            #expect(budget.usage == 40)
            withExtendedLifetime(tee) {}
        }
        #expect(budget.usage == 0)
    }
}

@Suite struct StoreBudgetTests {
    @Test func reservesUpToItsLimitAndNoMore() {
        let budget = StoreBudget(limit: 10)
        #expect(budget.reserve(4))
        #expect(budget.reserve(6))
        #expect(!budget.reserve(1))
        #expect(budget.usage == 10, "a refusal takes nothing")
        budget.release(1)
        #expect(budget.reserve(1))
        #expect(!budget.reserve(.max - 10))
    }
}
