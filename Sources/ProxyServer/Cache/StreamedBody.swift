import ProxyCore

/// The image in a record that is too long to be held, handed out piece by piece while Redis sends it.
///
/// It owns the connection until it is gone.
final class StreamedBody: CachedBody {
    private var stream: RecordStream
    private let broken: (RecordReading.Failure) -> Void

    /// `broken` is told why the record did not come whole.
    init(_ stream: RecordStream, broken: @escaping (RecordReading.Failure) -> Void) {
        self.stream = stream
        self.broken = broken
    }

    func forEachPiece(
        in range: Range<Int>, _ body: (RawSpan) throws(ProxyError) -> Void
    ) throws(ProxyError) -> Bool {
        let isWhole = try stream.forEachPiece(in: range, body)
        if let failure = stream.failure { broken(failure) }
        return isWhole
    }
}
