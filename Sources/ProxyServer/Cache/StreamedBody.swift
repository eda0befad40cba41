import ProxyCore

/// The image in a record that is too long to be held, handed out piece by piece while Redis sends it.
///
/// It owns the connection until it is gone.
final class StreamedBody: CachedBody {
    private var stream: RecordStream

    init(_ stream: RecordStream) { self.stream = stream }

    func forEachPiece(
        in range: Range<Int>, _ body: (RawSpan) throws(ProxyError) -> Void
    ) throws(ProxyError) -> Bool {
        try stream.forEachPiece(in: range, body)
    }
}
