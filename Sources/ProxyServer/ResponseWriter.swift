import ProxyCore

/// Writes one response: its head together with the first bytes of its body, then the rest as it comes.
///
/// For HEAD the body is counted as sent and dropped. One thread, and one request, which it does not outlive.
final class ResponseWriter {
    private let request: any GatewayRequest
    let dropsBody: Bool
    /// What waits to be sent: the head, and what was gathered behind it.
    private var pending: [UInt8] = []
    /// What the head announced, where it did.
    private var contentLength: Int?

    /// Bytes of the body among what waits.
    private var gathered = 0
    /// One record of FastCGI, and as much as a web server reads at once.
    private static let gatheredLength = 64 << 10

    /// Whether anything of the response may have reached the client: an error can then only cut it.
    private(set) var hasBegun = false
    /// The status of the head, 0 before there is one.
    private(set) var status = 0
    /// Bytes of the body that were written.
    private(set) var bodyBytes = 0
    private(set) var cacheStatus = CacheStatus.none

    init(for request: any GatewayRequest, isHead: Bool) {
        self.request = request
        dropsBody = isHead
    }

    /// Sets the head, which is sent with the first bytes of the body, or by `flush`. `bytes` are the head's, where they
    /// are at hand.
    func begin(_ head: ResponseHead, as bytes: [UInt8]? = nil) {
        // Replaces what was gathered and never sent: an error that comes so early is still a clean one.
        pending = bytes ?? head.bytes
        gathered = 0
        contentLength = dropsBody ? 0 : head.contentLength
        status = head.status
        cacheStatus = head.cacheStatus
    }

    /// Sends a head for which the web server sends the `size` bytes of the body itself.
    func handOver(_ head: ResponseHead, size: Int) throws(ProxyError) {
        begin(head)
        try flush()
        bodyBytes = size
    }

    /// Writes the next bytes of the body.
    func write(_ bytes: RawSpan) throws(ProxyError) {
        guard !dropsBody else { return try flush() }
        try send(bytes)
    }

    /// Writes the next bytes of the body, or keeps them for a write with those that follow. Small pieces cost a system
    /// call each here and two in the web server; whoever gathers must `flush` when no more is at hand.
    func gather(_ bytes: RawSpan) throws(ProxyError) {
        let isWhole = gathered + bodyBytes + bytes.byteCount == contentLength
        if dropsBody || isWhole || pending.count + bytes.byteCount >= Self.gatheredLength { return try write(bytes) }
        pending.append(bytes)
        gathered += bytes.byteCount
    }

    /// Whether something waits to be sent.
    var hasPending: Bool { !pending.isEmpty }

    /// Sends what waits.
    func flush() throws(ProxyError) {
        if !pending.isEmpty { try send(RawSpan()) }
    }

    /// A whole response from memory.
    func send(_ head: ResponseHead, _ body: [UInt8]) throws(ProxyError) {
        begin(head)
        try write(RawSpan(_elements: body.span))
        try flush()
    }

    private func send(_ bytes: RawSpan) throws(ProxyError) {
        let waiting = pending
        let count = gathered + bytes.byteCount
        pending = []
        gathered = 0
        hasBegun = true
        // The last byte that was announced ends the response, so both can go out together.
        let isLast = bodyBytes + count == contentLength
        do { try request.write(RawSpan(_elements: waiting.span), bytes, isLast: isLast) } catch { throw .clientGone }
        bodyBytes += count
    }
}
