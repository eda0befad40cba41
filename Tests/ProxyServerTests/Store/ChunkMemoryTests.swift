import Testing

@testable import ProxyServer

@Suite struct ChunkMemoryTests {
    private let memory = ChunkMemory()
    private static let large = ChunkMemory.leastCapacity * 2

    @Test func whatIsGivenBackIsTakenAgain() {
        let first = memory.take(Self.large)
        #expect(first.isEmpty && first.capacity >= Self.large)
        memory.giveBack(first + [1, 2, 3])
        let kept = memory.usage
        #expect(kept >= Self.large)
        let second = memory.take(Self.large / 2)
        #expect(second.isEmpty && second.capacity >= Self.large)
        #expect(memory.usage == 0)
    }

    @Test func whatIsTooShortIsNotTaken() {
        memory.giveBack(memory.take(Self.large))
        let kept = memory.usage
        #expect(memory.take(Self.large * 4).capacity >= Self.large * 4)
        #expect(memory.usage == kept)
    }

    @Test func smallBlocksAreTheAllocators() {
        memory.giveBack([1, 2, 3])
        #expect(memory.usage == 0)
        memory.giveBack(memory.take(Self.large))
        #expect(memory.take(10).capacity < Self.large)
    }

    @Test func noMoreThanTheLimitIsKept() {
        let blocks = (0..<100).map { _ in memory.take(Self.large) }
        for block in blocks { memory.giveBack(block) }
        #expect(memory.usage <= ChunkMemory.limit)
        #expect(memory.usage > ChunkMemory.limit - 2 * Self.large)
        memory.giveBack(memory.take(ChunkMemory.limit + 1))
        #expect(memory.usage <= ChunkMemory.limit)
        memory.letGo()
        #expect(memory.usage == 0)
    }

    @Test("a chunk that nobody has any more leaves its memory, and nothing else")
    func chunks() throws {
        let budget = StoreBudget(limit: 8 << 20)
        do {
            let chunk = ImageChunk(capacity: Self.large, in: budget.memory)
            chunk.grow(by: Self.large, try #require(Reservation(Self.large, of: budget, within: budget.limit)))
            let bytes = [UInt8](repeating: 7, count: Self.large)
            #expect(chunk.take(RawSpan(_elements: bytes.span)) == Self.large)
            #expect(budget.usage == Self.large)
        }
        #expect(budget.usage == 0)
        #expect(budget.memory.usage >= Self.large)
        #expect(budget.memory.take(Self.large).isEmpty)
    }
}
