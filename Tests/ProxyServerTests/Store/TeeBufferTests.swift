import Foundation
import ProxyCore
import Synchronization
import Testing

@testable import ProxyServer

@Suite struct TeeBufferTests {
    /// What a tee has handed on, as it would wait for the cache.
    private final class HandedOn {
        var chunks: [ImageChunk] = []
        var bytes: [UInt8] { chunks.flatMap(\.bytes) }
    }

    private let handedOn = HandedOn()

    private func tee(
        limit: Int = 1_000, budget: StoreBudget = StoreBudget(limit: 1_000_000), length: Int? = nil
    ) -> TeeBuffer {
        TeeBuffer(gate: SizeGate(limit: limit), budget: budget, chunkSize: 30, length: length) { [handedOn] in
            handedOn.chunks.append($0)
        }
    }

    /// Passes `bytes` in pieces, as a delivery does; false when they are not kept any more.
    @discardableResult
    private func pass(_ bytes: [UInt8], through tee: TeeBuffer, by size: Int = .max) -> Bool {
        var rest = bytes[...]
        while !rest.isEmpty {
            let piece = Array(rest.prefix(size))
            rest = rest.dropFirst(size)
            _ = tee.admits(piece.count)
            tee.append(RawSpan(_elements: piece.span))
        }
        return tee.outcome == .kept
    }

    /// All that can be read from `position` on.
    private func read(_ tee: TeeBuffer, from position: Int, atMost most: Int = .max) -> [UInt8] {
        var bytes: [UInt8] = []
        while position + bytes.count < tee.size {
            let before = bytes.count
            tee.withPiece(at: position + before, atMost: most) { bytes += Array(copying: $0) }
            if bytes.count == before { break }
        }
        return bytes
    }

    @Test(
        "bytes are handed on in chunks of the chunk's size", arguments: [0, 1, 29, 30, 31, 60, 61, 100],
        [1, 7, 30, 64])
    func chunks(_ count: Int, _ piece: Int) {
        for length in [nil, count] {
            handedOn.chunks = []
            let tee = tee(length: length)
            #expect(pass(Samples.png(count), through: tee, by: piece))
            #expect(handedOn.chunks.allSatisfy { $0.isFull }, "none before it is full")
            tee.finish()
            #expect(handedOn.bytes == Samples.png(count))
            #expect(handedOn.chunks.dropLast().allSatisfy { $0.bytes.count == 30 })
            #expect(handedOn.chunks.allSatisfy { !$0.bytes.isEmpty })
            #expect(tee.size == count)
        }
    }

    @Test("an image of exactly the limit is kept, one above is not", arguments: [100, 101], [1, 30, 99, 101])
    func gate(_ count: Int, _ piece: Int) {
        let tee = tee(limit: 100)
        #expect(pass(Samples.png(count), through: tee, by: piece) == (count <= 100))
        #expect(tee.outcome == (count > 100 ? .tooLarge : .kept))
        #expect(tee.size == count, "what passes is counted, kept or not")
        tee.finish()
        #expect(handedOn.bytes.count % 30 == (count > 100 ? 0 : 10), "what is not kept has no end")
    }

    @Test("an announced image stays whole while half of the budget is free", arguments: [499, 500, 501])
    func keepsAll(_ length: Int) {
        let budget = StoreBudget(limit: 1_000)
        let tee = tee(budget: budget, length: length)
        #expect(tee.keepsAll == (length <= 500))
        #expect(budget.usage == (length <= 500 ? length : 0), "reserved at once")
        #expect(pass(Samples.png(length), through: tee, by: 7))
        #expect(tee.hasAll == (length <= 500))
        if tee.keepsAll { #expect(budget.usage == length, "and not twice") }
    }

    @Test("every byte of what is kept can be read again", arguments: [1, 7, 29, 30, 31, 1_000])
    func reads(_ most: Int) {
        let tee = tee(length: 100)
        pass(Samples.png(95), through: tee, by: 11)
        for position in 0...95 {
            #expect(read(tee, from: position, atMost: most) == Array(Samples.png(95)[position...]))
        }
        #expect(read(tee, from: 95).isEmpty)
        tee.withPiece(at: 1_000, atMost: most) { _ in Issue.record("there is nothing") }
    }

    @Test func aWindowKeepsNoMoreThanTheChunkThatIsBeingFilled() {
        let budget = StoreBudget(limit: 1_000_000)
        let tee = tee(budget: budget)
        #expect(!tee.keepsAll)
        for count in 1...100 {
            pass([UInt8(count)], through: tee)
            handedOn.chunks = []
            #expect(budget.usage <= 30)
            #expect(tee.hasAll == (count < 30))
            #expect(read(tee, from: count / 30 * 30) == (count / 30 * 30..<count).map { UInt8($0 + 1) })
        }
        tee.withPiece(at: 0, atMost: .max) { _ in Issue.record("that has gone") }
    }

    @Test("past the budget nothing more is kept, and what there was is there until it is let go", arguments: [nil, 90])
    func overBudget(_ length: Int?) {
        let budget = StoreBudget(limit: 100)
        #expect(budget.reserve(40))
        let tee = tee(budget: budget, length: length)
        pass(Samples.png(59), through: tee, by: 10)
        #expect(tee.outcome == .kept)
        #expect(!tee.admits(31), "handed on and not yet written, the first chunk still counts")
        #expect(tee.outcome == .overBudget)
        #expect(!tee.hasAll)
        #expect(read(tee, from: 30) == Array(Samples.png(59)[30...]))
        tee.letGo()
        handedOn.chunks = []
        #expect(budget.usage == 40, "what others have reserved stays")
        #expect(!tee.admits(1), "nor is it kept again")
        pass(Samples.png(10), through: tee)
        #expect(tee.size == 69)
        #expect(tee.chunks.isEmpty)
    }

    @Test("what it held is released with the last reference", arguments: [nil, 100])
    func releases(_ length: Int?) {
        let budget = StoreBudget(limit: 1_000)
        do {
            let tee = tee(budget: budget, length: length)
            pass(Samples.png(100), through: tee, by: 9)
            tee.finish()
            withExtendedLifetime(tee) {}
        }
        // Where the length is not known, there is room for four whole chunks.
        #expect(budget.usage == length ?? 120, "the chunks wait for the cache")
        handedOn.chunks.removeFirst()
        #expect(budget.usage == length ?? 90)
        handedOn.chunks = []
        #expect(budget.usage == 0)
    }

    @Test func whatIsCutIsReleasedToo() {
        let budget = StoreBudget(limit: 1_000)
        do {
            let tee = tee(budget: budget, length: 100)
            pass(Samples.png(20), through: tee)
            #expect(budget.usage == 100)
        }
        #expect(handedOn.chunks.isEmpty)
        #expect(budget.usage == 0)
    }
}

/// A reservation that another thread lets go of.
private final class Held: Sendable {
    private let reservation: Mutex<Reservation?>

    init(_ reservation: Reservation) { self.reservation = Mutex(reservation) }

    func letGoOnAnotherThread() { Thread.detachNewThread { [self] in reservation.withLock { $0 = nil } } }
}

@Suite struct ImageChunkTests {
    @Test func takesWhatItHasRoomFor() throws {
        let budget = StoreBudget(limit: 100)
        let chunk = ImageChunk(capacity: 10, in: ChunkMemory())
        let bytes = Samples.png(20)
        #expect(chunk.take(RawSpan(_elements: bytes.span)) == 0, "none was granted")
        chunk.grow(by: 4, try #require(Reservation(4, of: budget, within: 100)))
        #expect(chunk.take(RawSpan(_elements: bytes.span)) == 4)
        #expect(!chunk.isFull)
        chunk.grow(by: 6, try #require(Reservation(6, of: budget, within: 100)))
        #expect(chunk.take(RawSpan(_elements: bytes.span)) == 6)
        #expect(chunk.isFull)
        #expect(chunk.take(RawSpan(_elements: bytes.span)) == 0)
        #expect(chunk.bytes == Array(bytes[..<4] + bytes[..<6]))
        #expect(budget.usage == 10)
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

    @Test("a part of it may be asked for", arguments: [(5, true), (6, false)]) func part(_ count: Int, _ isThere: Bool)
    {
        let budget = StoreBudget(limit: 100)
        #expect(budget.reserve(5))
        #expect(budget.reserve(count, of: 10) == isThere)
        #expect(budget.usage == (isThere ? 10 : 5))
    }

    @Test func aReservationIsGivenBackOnceWithItsLastReference() {
        let budget = StoreBudget(limit: 10)
        var first = Reservation(10, of: budget, within: 10)
        var second = first
        #expect(Reservation(1, of: budget, within: 10) == nil)
        #expect(budget.usage == 10, "one that was refused gives nothing back")
        first = nil
        #expect(budget.usage == 10)
        second = nil
        #expect(budget.usage == 0)
        withExtendedLifetime((first, second)) {}
    }

    @Test func aReservationWaitsForOthersToGiveTheirsBack() throws {
        let budget = StoreBudget(limit: 10)
        let held = Held(try #require(Reservation(10, of: budget, within: 10)))
        held.letGoOnAnotherThread()
        // It asks before or after that; in both cases it gets what it wants, long before its patience ends.
        let granted = Reservation(10, of: budget, within: 10, waiting: .seconds(60))
        #expect(granted != nil)
        #expect(budget.usage == 10)
    }
}
