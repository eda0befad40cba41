import ProxyCore

/// One image on its way into the cache, from its first chunk to its metadata. It owns copies only, and nothing of the
/// request.
///
/// Chunks go in while the image is still arriving; the end, whatever it is, comes after the response.
final class StoreJob: @unchecked Sendable {
    // Sendable: what is mutable belongs to the store queue, which runs one piece of work at a time.
    let urlText: String
    let requestIdentifier: String
    let type: MediaType
    /// What is kept of the response besides its bytes; nil when the response may not be stored.
    let stored: StoredResponse?
    /// What the origin announced.
    let length: Int?
    /// Unix milliseconds of the fetch.
    let fetchedAt: Int64
    private let storer: Storer
    private let queue: StoreQueue

    // On the store queue alone.
    var writing: ImageWriting?

    enum End: Equatable {
        case whole(size: Int, PixelDimensions?)
        /// It passed, and was not kept.
        case notKept(StoreRefusal, size: Int, PixelDimensions?)
        /// It did not arrive whole.
        case cut
    }

    init(
        _ urlText: String, requestIdentifier: String, type: MediaType, length: Int?, stored: StoredResponse?,
        fetchedAt: Int64, storer: Storer, queue: StoreQueue
    ) {
        self.urlText = urlText
        self.requestIdentifier = requestIdentifier
        self.type = type
        self.length = length
        self.stored = stored
        self.fetchedAt = fetchedAt
        self.storer = storer
        self.queue = queue
    }

    /// Has the next chunk written.
    func append(_ chunk: ImageChunk) {
        queue.submit { [self] in storer.append(chunk, to: self) }
    }

    /// Has what was written so far taken away, since the image is not kept. Its end still comes.
    func giveUp() {
        queue.submit { [self] in
            writing?.discard()
            writing = nil
        }
    }

    /// Has the job ended, and `then` called when that is done.
    func end(_ end: End, then: @escaping @Sendable () -> Void) {
        queue.submit { [self] in
            storer.end(self, end)
            then()
        }
    }
}

/// Why an image that passed through is not in the cache.
enum StoreRefusal: Equatable {
    case tooLarge, overBudget
    case notStorable(NotStorable)
}
