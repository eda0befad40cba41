import ProxyCore

/// Keeps a copy of an image for the cache while it streams to the client, as long as that makes sense.
///
/// It keeps chunks of the size in which they are encoded, so that nothing is gathered or copied again later. Past the
/// size gate, or when the budget of what waits for the cache is spent, it lets go of everything at once and the stream
/// goes on. What it holds counts against the budget until it is gone: with the last reference, wherever that ends.
final class TeeBuffer: @unchecked Sendable {
    // Sendable because it is filled by one thread, handed to the store queue once, and never touched by the first again.
    private let gate: SizeGate
    private let budget: StoreBudget
    private let chunkSize: Int
    private var reserved = 0

    /// All bytes that have passed, kept or not.
    private(set) var size = 0
    private(set) var chunks: [[UInt8]] = []
    private(set) var outcome = Outcome.kept

    enum Outcome: Equatable { case kept, tooLarge, overBudget }

    init(gate: SizeGate, budget: StoreBudget, chunkSize: Int) {
        self.gate = gate
        self.budget = budget
        self.chunkSize = chunkSize
    }

    deinit { budget.release(reserved) }

    /// What is announced can be refused, or reserved, at once.
    func expect(_ length: Int) {
        if !gate.admits(length) { letGo(.tooLarge) } else { reserve(upTo: length) }
    }

    func append(_ bytes: RawSpan) {
        size += bytes.byteCount
        guard outcome == .kept else { return }
        guard gate.admits(size) else { return letGo(.tooLarge) }
        reserve(upTo: size)
        guard outcome == .kept else { return }
        var rest = bytes
        while !rest.isEmpty {
            if chunks.last?.count ?? chunkSize == chunkSize { addChunk() }
            let last = chunks.count - 1
            let taken = min(rest.byteCount, chunkSize - chunks[last].count)
            chunks[last].append(rest.extracting(first: taken))
            rest = rest.extracting(droppingFirst: taken)
        }
    }

    private func addChunk() {
        var chunk: [UInt8] = []
        // With an announced length this is the one allocation of the chunk.
        chunk.reserveCapacity(min(chunkSize, max(reserved - chunks.count * chunkSize, 0)))
        chunks.append(chunk)
    }

    private func reserve(upTo count: Int) {
        guard count > reserved, outcome == .kept else { return }
        guard budget.reserve(count - reserved) else { return letGo(.overBudget) }
        reserved = count
    }

    private func letGo(_ why: Outcome) {
        outcome = why
        chunks = []
        budget.release(reserved)
        reserved = 0
    }
}
