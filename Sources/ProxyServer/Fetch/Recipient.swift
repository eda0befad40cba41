import ProxyCore

/// One client of a fetch, and how much of the image it has.
///
/// While all of the image is kept, it takes from there what it takes at once, and the rest later. Where that is not so,
/// the bytes that have just arrived pass straight through, and the write waits for the client.
///
/// One thread at a time; handed on, with the exchange, to the one that writes the rest.
final class Recipient: @unchecked Sendable {
    // Sendable because whoever hands it on forgets it.
    let exchange: Exchange
    /// The next byte of the image that this client is to get.
    private(set) var position = 0
    private var end = Int.max

    /// What is written at once to one of several clients.
    static let pieceLength = 128 << 10

    init(_ exchange: Exchange) { self.exchange = exchange }

    /// Begins the response, which goes out with the first bytes.
    func begin(_ response: ImageResponse) {
        exchange.writer.begin(response.head, as: response.headBytes)
        position = response.body.lowerBound
        end = exchange.writer.dropsBody ? position : response.body.upperBound
    }

    /// Whether it has all that it wants.
    var hasEnough: Bool { position >= end }
    /// Whether all that it wants has gone out; a head alone may still wait in the writer.
    var isServed: Bool { hasEnough && !exchange.writer.hasPending }

    /// Passes on bytes that have just arrived, `offset` bytes into the image, if it is their turn, and waits for the client.
    func offer(_ bytes: RawSpan, at offset: Int) throws(ProxyError) {
        let next = offset + bytes.byteCount
        guard position >= offset, position < min(next, end) else { return }
        let part = bytes.extracting(position - offset..<min(next, end) - offset)
        try exchange.writer.gather(part)
        position += part.byteCount
    }

    /// Writes what it lacks of the bytes that are kept, in large pieces and without waiting for the client.
    func takePieces(from kept: TeeBuffer) throws(ProxyError) {
        while min(kept.size, end) - position >= Self.pieceLength, exchange.request.isWritable {
            try writePiece(of: kept)
        }
    }

    /// Writes what it lacks of the bytes that are kept. Unless it `waits`, only while the client takes them at once.
    func catchUp(with kept: TeeBuffer, waits: Bool) throws(ProxyError) {
        while position < min(kept.size, end), waits || exchange.request.isWritable { try writePiece(of: kept) }
    }

    private func writePiece(of kept: TeeBuffer) throws(ProxyError) {
        let before = position
        try kept.withPiece(at: position, atMost: min(Self.pieceLength, end - position)) { piece throws(ProxyError) in
            try exchange.writer.write(piece)
            position += piece.byteCount
        }
        guard position > before else { throw .upstream(.broken) }
    }

    /// Sends what waits in the writer.
    func flush(waits: Bool) throws(ProxyError) {
        guard exchange.writer.hasPending, waits || exchange.request.isWritable else { return }
        try exchange.writer.flush()
    }

    /// Writes the rest of an image that is whole.
    func finish(with image: FetchedImage) throws(ProxyError) {
        // The head goes out with the first piece, and by itself only where there is none.
        try image.forEachPiece(from: position, to: end) { piece throws(ProxyError) in try exchange.writer.write(piece) }
        try exchange.writer.flush()
        position = end
    }
}

/// An image that was fetched whole and is still in memory, for those who waited for it.
///
/// Sendable: immutable, as its chunks are by now.
final class FetchedImage: Sendable {
    let type: MediaType
    let size: Int
    let stored: StoredResponse
    /// The origin's status.
    let status: Int
    /// Whether it is on its way into the cache.
    let isStored: Bool
    let readyHead = ReadyHead()
    private let chunks: [ImageChunk]

    init(
        _ type: MediaType, size: Int, _ stored: StoredResponse, status: Int, isStored: Bool, _ chunks: [ImageChunk]
    ) {
        self.type = type
        self.size = size
        self.stored = stored
        self.status = status
        self.isStored = isStored
        self.chunks = chunks
    }

    /// Hands out the bytes from `start` on, up to `end`, in pieces that are valid during the call.
    func forEachPiece(
        from start: Int, to end: Int, _ body: (RawSpan) throws(ProxyError) -> Void
    ) throws(ProxyError) {
        var offset = 0
        for chunk in chunks {
            let bytes = chunk.bytes
            let lower = max(start - offset, 0)
            let upper = min(end - offset, bytes.count)
            offset += bytes.count
            guard lower < upper else { continue }
            let span = RawSpan(_elements: bytes.span)
            try body(span.extracting(lower..<upper))
        }
    }
}
