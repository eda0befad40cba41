import ProxyCore

/// Keeps a copy of an image for the cache while it streams to the client, as long as that makes sense.
///
/// It keeps chunks of the size in which they are encoded, and hands each on when it is full, so that nothing is gathered
/// or copied again later. It does one of two things:
/// - An image whose length is known, while little waits for the cache: everything stays until the end, and any number of
///   clients can be served from it, each at its own pace.
/// - Else the chunks are small, and each is let go as soon as it is handed on, so that an image costs about two of them
///   whatever its size. An origin that is faster than the cache is held up for a moment rather than not stored.
/// Past the size gate, or when the budget of what waits is spent, it lets go of everything and the stream goes on.
///
/// One thread fills and reads it.
final class TeeBuffer {
    private let gate: SizeGate
    private let budget: StoreBudget
    private let chunkSize: Int
    private let length: Int?
    /// For the whole image, where everything is kept.
    private let whole: Reservation?
    private let handOn: (ImageChunk) -> Void

    /// All bytes that have passed, kept or not.
    private(set) var size = 0
    private(set) var chunks: [ImageChunk] = []
    private(set) var outcome = Outcome.kept
    /// How many chunks were handed on, of those that are here.
    private var handedOn = 0
    private let begun = ContinuousClock.now
    /// How long the origin has been held up.
    private var hold = Duration.zero
    /// Bytes of the chunks that were let go.
    private var dropped = 0

    enum Outcome: Equatable { case kept, tooLarge, overBudget }

    /// While more than this part of the budget is used, no more images are kept whole.
    private static let wholeShare = 2
    /// The longest chunk of an image that is not kept whole: a multiple of 3.
    private static let shortChunk = (256 << 10) - 1
    /// How long an origin may be held up in all by a cache that is slower than it.
    private static let longestHold = Duration.seconds(1)
    /// An image that has come within this time is written when it is whole: until then the processors are its clients'.
    private static let headStart = Duration.milliseconds(50)
    /// By how much the room for an image of unknown length grows.
    private static let step = 64 << 10

    /// `length` is what the origin announced; a chunk goes to `handOn` when it is full.
    init(
        gate: SizeGate, budget: StoreBudget, chunkSize: Int, length: Int?, handOn: @escaping (ImageChunk) -> Void
    ) {
        self.gate = gate
        self.budget = budget
        self.length = length
        self.handOn = handOn
        whole = length.flatMap { Reservation($0, of: budget, within: budget.limit / Self.wholeShare) }
        // What fits one chunk is written at once.
        let isOneChunk = length.map { $0 <= chunkSize } ?? false
        self.chunkSize = whole != nil || isOneChunk ? chunkSize : min(chunkSize, Self.shortChunk)
    }

    /// Whether everything that passes stays here, so that a client may fall behind.
    var keepsAll: Bool { whole != nil && outcome == .kept }
    /// Whether nothing that has passed is missing.
    var hasAll: Bool { outcome == .kept && dropped == 0 }

    /// Asked before `append`: false when so many bytes more cannot be kept. What is here stays until `letGo`.
    func admits(_ count: Int) -> Bool {
        guard outcome == .kept else { return false }
        outcome = gate.admits(size + count) ? makeRoom(size + count) : .tooLarge
        return outcome == .kept
    }

    func append(_ bytes: RawSpan) {
        size += bytes.byteCount
        guard outcome == .kept else { return }
        var rest = bytes
        while !rest.isEmpty, let chunk = chunks.first(where: { !$0.isFull }) {
            rest = rest.extracting(droppingFirst: chunk.take(rest))
            if chunk.isFull { pass() }
        }
    }

    /// Lets go of everything.
    func letGo() {
        chunks = []
        handedOn = 0
        dropped = size
    }

    /// The image has ended: the last chunk is handed on.
    func finish() {
        guard outcome == .kept else { return }
        for chunk in chunks[handedOn...] where !chunk.bytes.isEmpty { handOn(chunk) }
        handedOn = chunks.count
    }

    /// Shows `body` the kept bytes from `position` on, up to `most` and to the end of a chunk.
    func withPiece<Failure: Error>(
        at position: Int, atMost most: Int, _ body: (RawSpan) throws(Failure) -> Void
    ) throws(Failure) {
        let place = position - dropped
        guard place >= 0, place / chunkSize < chunks.count else { return }
        let bytes = chunks[place / chunkSize].bytes
        let span = RawSpan(_elements: bytes.span)
        try body(span.extracting(droppingFirst: place % chunkSize).extracting(first: most))
    }

    /// Hands on what is full.
    private func pass() {
        guard whole == nil || .now - begun > Self.headStart else { return }
        while handedOn < chunks.count, chunks[handedOn].isFull {
            handOn(chunks[handedOn])
            handedOn += 1
        }
        guard whole == nil else { return }
        dropped += handedOn * chunkSize
        chunks.removeFirst(handedOn)
        handedOn = 0
    }

    private func reserve(_ count: Int) -> Reservation? {
        let start = ContinuousClock.now
        defer { hold += .now - start }
        return Reservation(
            count, of: budget, within: budget.limit, waiting: Self.longestHold - hold)
    }

    /// Has room for the first `count` bytes.
    private func makeRoom(_ count: Int) -> Outcome {
        var reserved = dropped + chunks.reduce(0) { $0 + $1.room }
        while reserved < count {
            if chunks.last.map({ $0.room == $0.capacity }) ?? true {
                let capacity = min(chunkSize, max((length ?? .max) - reserved, 1))
                chunks.append(ImageChunk(capacity: capacity, in: budget.memory))
            }
            guard let chunk = chunks.last else { return .overBudget }
            // An image of unknown length may be a small one.
            let step = min(length == nil ? Self.step : .max, chunk.capacity - chunk.room)
            guard let reservation = whole ?? reserve(step) else { return .overBudget }
            chunk.grow(by: step, reservation)
            reserved += step
        }
        return .kept
    }
}
