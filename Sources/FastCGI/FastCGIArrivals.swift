/// Requests that have come whole and wait on their connections, for the worker that found them.
///
/// Each is parsed when it is its turn: until then it costs nothing, and can be left to others. Not Sendable: one thread.
public final class FastCGIArrivals {
    private let listener: FastCGIListener
    private var waiting: ArraySlice<Ready>
    /// One that had to be parsed to be known.
    private var parsed: FastCGIRequest?

    init(_ ready: [Ready], parsed: FastCGIRequest? = nil, at listener: FastCGIListener) {
        waiting = ready[...]
        self.parsed = parsed
        self.listener = listener
    }

    /// How many have not been taken.
    public var count: Int { waiting.count + (parsed == nil ? 0 : 1) }
    public var isEmpty: Bool { count == 0 }

    /// The next, parsed; nil when there are no more.
    public func next() -> FastCGIRequest? {
        if let request = parsed.take() { return request }
        while let ready = waiting.popFirst() {
            if let request = listener.request(on: ready, isWhole: true) { return request }
        }
        return nil
    }

    /// Takes them all, one after the other.
    public func forEach(_ body: (FastCGIRequest) -> Void) {
        while let request = next() { body(request) }
    }

    /// Has other workers told of those that have not been taken.
    func leave() {
        while let ready = waiting.popFirst() { listener.watch(ready.connection) }
    }
}
