internal import Curl
import ProxyCore

/// Stands between libcurl and the client: judges the head, counts and sniffs the bytes, and lets them pass.
///
/// Nothing reaches the sink until the first bytes are those of an image that is served. Of a body whose length the
/// origin did not announce, some waits for its end, as `HoldBack` says; then what waits goes out and the rest streams. It
/// keeps no more than that.
final class ImageStream: CurlTransferDelegate {
    private let sink: any ImageSink
    private let addresses: AddressPolicy
    private let limit: Int
    private let holdBack: HoldBack
    private let servesSVG: Bool
    private let isSecure: Bool
    private let isConditional: Bool
    private let clock: WallClock

    private var phase = Phase.sniffing
    private var length: Int?
    private var isEndUncertain = false
    private var status = 0
    private var fields = OriginFields { _ in [] }
    /// Unix milliseconds.
    private let requestedAt: Int64
    private var receivedAt: Int64 = 0
    private var timings: FetchTimings
    private var count = 0
    /// The bytes that wait: too few to tell the type, or held back.
    private var waiting: [UInt8] = []
    /// How much has to wait for it to be looked at again.
    private var sniffedAgainAt = 0
    /// When what is held back goes out, whatever has come by then.
    private var holdsUntil: ContinuousClock.Instant?

    /// Why the stream was stopped by us.
    private(set) var failure: ProxyError?
    /// The reference of a redirect.
    private(set) var redirect: String?
    /// How it has ended, if it was the end.
    private(set) var outcome: FetchOutcome?
    /// Whether nothing more is to be read.
    var isEnded: Bool { outcome != nil || redirect != nil }

    private enum Phase {
        case sniffing
        case holding(MediaType)
        case streaming
    }

    init(
        into sink: any ImageSink, addresses: AddressPolicy, limit: Int, holdBack: HoldBack, servesSVG: Bool,
        isSecure: Bool = false, isConditional: Bool = false, earlier: FetchTimings = FetchTimings(),
        clock: @escaping WallClock = systemClock
    ) {
        self.sink = sink
        self.addresses = addresses
        self.limit = limit
        self.holdBack = holdBack
        self.servesSVG = servesSVG
        self.isSecure = isSecure
        self.isConditional = isConditional
        timings = earlier
        self.clock = clock
        requestedAt = clock()
    }

    func admits(_ peer: CurlPeer) -> Bool {
        guard let address = IPAddress(bytes: peer.address) else { return false }
        return addresses.admits(address, port: peer.port)
    }

    func received(head: CurlResponseHead) -> Bool {
        attempt { () throws(ProxyError) in
            do throws(UpstreamFailure) { try judge(head) } catch { throw .upstream(error) }
            return !isEnded
        }
    }

    func received(body bytes: RawSpan) -> Bool {
        attempt { () throws(ProxyError) in
            count += bytes.byteCount
            guard count <= limit else { throw .upstream(.tooLarge) }
            guard count <= length ?? .max else { throw .upstream(.broken) }
            try take(bytes)
            return !isEnded
        }
    }

    /// What cannot be passed on now shows again with the next bytes, or with the peer that has gone.
    func paused() {
        _ = attempt { () throws(ProxyError) in
            try releaseIfDue()
            if case .streaming = phase { try sink.flush() }
            return true
        }
    }

    var attention: Duration? {
        switch phase {
        case .sniffing: nil
        case .holding: holdsUntil.map { max(.zero, $0 - .now) }
        case .streaming: sink.attention
        }
    }

    func isAbandoned() -> Bool { sink.isAbandoned }

    /// The body has ended as HTTP says it should.
    func end() throws(ProxyError) {
        guard count == length ?? count else { throw .upstream(.broken) }
        if case .sniffing = phase { try sniff(waiting, isComplete: true) }
        if case .holding(let type) = phase { try begin(type, length: count) }
        try release()
        if outcome == nil { outcome = .whole }
    }
}

extension ImageStream {
    private func judge(_ head: CurlResponseHead) throws(UpstreamFailure) {
        status = head.status
        timings.add(head.timings)
        fields = OriginFields(head.values)
        receivedAt = clock()
        switch try OriginResponse(status: head.status, isConditional: isConditional, values: head.values) {
        case .redirect(let reference): redirect = reference
        case .notModified: outcome = .notModified(fields, requestedAt: requestedAt, receivedAt: receivedAt)
        case .representation(let length):
            guard length ?? 0 <= limit else { throw .tooLarge }
            self.length = length
            isEndUncertain = isSecure && length == nil && head.values("transfer-encoding").isEmpty
        }
    }

    private func attempt(_ body: () throws(ProxyError) -> Bool) -> Bool {
        guard failure == nil else { return false }
        do {
            return try body()
        } catch {
            failure = error
            return false
        }
    }

    private func take(_ bytes: RawSpan) throws(ProxyError) {
        if case .streaming = phase { return try sink.write(bytes) }
        if waiting.isEmpty, length != nil {
            // The usual case: the type shows in the first piece, which then passes without being copied.
            try sniff(bytes, isComplete: count == length)
            if case .streaming = phase { return isEnded ? () : try sink.write(bytes) }
        }
        waiting.append(bytes)
        if case .sniffing = phase, waiting.count >= sniffedAgainAt || count == length {
            try sniff(waiting, isComplete: count == length)
        }
        if case .holding(let type) = phase, waiting.count > holdBack.bytes { try begin(type, length: nil) }
        try releaseIfDue()
        if case .streaming = phase { try release() }
    }

    private func sniff(_ bytes: [UInt8], isComplete: Bool) throws(ProxyError) {
        try sniff(RawSpan(_elements: bytes.span), isComplete: isComplete)
    }

    private func sniff(_ bytes: RawSpan, isComplete: Bool) throws(ProxyError) {
        switch MediaTypeSniffer.sniff(bytes, isComplete: isComplete) {
        case .undecided where !isComplete: sniffedAgainAt = Self.nextLook(after: bytes.byteCount)
        case .image(let type) where type != .svg || servesSVG:
            if length == nil { hold(type) } else { try begin(type, length: length) }
        case .undecided, .image, .notAnImage: throw .upstream(.notAnImage)
        }
    }

    /// Most types show in a few bytes, and none may cost more than its bytes are worth, however small the pieces are that
    /// they come in.
    private static func nextLook(after count: Int) -> Int {
        count < 64 ? count + 1 : min(count * 2, MediaTypeSniffer.longestPrefix)
    }

    private func hold(_ type: MediaType) {
        phase = .holding(type)
        holdsUntil = holdBack.time.map { .now + $0 }
    }

    /// The end of a slow origin's body is not waited for.
    private func releaseIfDue() throws(ProxyError) {
        guard case .holding(let type) = phase, let holdsUntil, holdsUntil <= .now else { return }
        try begin(type, length: nil)
        try release()
    }

    private func begin(_ type: MediaType, length: Int?) throws(ProxyError) {
        phase = .streaming
        let arrival = ImageArrival(
            type: type, length: length, status: status, fields: fields, requestedAt: requestedAt,
            receivedAt: receivedAt, timings: timings, isEndUncertain: isEndUncertain)
        if try !sink.begin(arrival) { outcome = .headOnly }
    }

    private func release() throws(ProxyError) {
        guard !isEnded, !waiting.isEmpty else { return }
        let bytes = waiting
        waiting = []
        try sink.write(RawSpan(_elements: bytes.span))
    }
}

/// What waits of a body whose length the origin did not announce, until its end has come, so that a small image gets its
/// length, and a clean error when it is cut.
struct HoldBack {
    /// Most bytes that wait.
    var bytes: Int
    /// How long the first of them wait; nil is as long as it takes.
    var time: Duration?
}
