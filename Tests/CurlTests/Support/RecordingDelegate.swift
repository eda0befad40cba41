import Curl

/// Writes down what a transfer tells it, and answers what a test wants it to.
final class RecordingDelegate: CurlTransferDelegate {
    var peers: [CurlPeer] = []
    var head: CurlResponseHead?
    var body: [UInt8] = []
    var pieces = 0
    var timesAsked = 0

    var admitsPeer: (CurlPeer) -> Bool = { _ in true }
    var wantsHead = true
    var wantsPiece: () -> Bool = { true }
    var whetherAbandoned: () -> Bool = { true }

    var text: String { String(decoding: body, as: UTF8.self) }

    func admits(_ peer: CurlPeer) -> Bool {
        peers.append(peer)
        return admitsPeer(peer)
    }

    func paused() {}
    var attention: Duration? { nil }

    func received(head: CurlResponseHead) -> Bool {
        self.head = head
        return wantsHead
    }

    func received(body bytes: RawSpan) -> Bool {
        unsafe bytes.withUnsafeBytes { unsafe body.append(contentsOf: $0) }
        pieces += 1
        return wantsPiece()
    }

    func isAbandoned() -> Bool {
        timesAsked += 1
        return whetherAbandoned()
    }
}

extension CurlTransfer {
    convenience init() throws {
        try self.init(
            Settings(
                requestHeaders: ["Accept: image/*", "Accept-Encoding: identity"],
                keptFields: ["content-length", "content-encoding", "location", "x-kept"], certificateAuthorities: nil,
                userAgent: "test/1"))
    }

    /// Fetches, and returns what came.
    @discardableResult
    func fetch(
        _ url: String, _ limits: Limits = .patient, watching watched: Int32? = nil,
        _ prepare: (RecordingDelegate) -> Void = { _ in }
    ) throws(CurlError) -> RecordingDelegate {
        let delegate = RecordingDelegate()
        prepare(delegate)
        try perform(url, limits: limits, watching: watched, for: delegate)
        return delegate
    }
}

extension CurlTransfer.Limits {
    /// Limits that no test meets.
    static var patient: CurlTransfer.Limits { within() }

    static func within(
        connect: Duration = .seconds(60), firstByte: Duration = .seconds(60), stall: Duration = .seconds(60),
        total: Duration = .seconds(60)
    ) -> CurlTransfer.Limits {
        CurlTransfer.Limits(connect: connect, firstByteBy: .now + firstByte, stall: stall, totalBy: .now + total)
    }
}
