internal import CCurl
import Glibc

/// What a transfer asks of, and tells, the one who wanted it. All calls come on the thread of `perform`.
public protocol CurlTransferDelegate: AnyObject {
    /// Asked for every address before it is dialled, and again for the peer of a connection that is used once more.
    func admits(_ peer: CurlPeer) -> Bool
    /// The final response's head. False stops the transfer.
    func received(head: CurlResponseHead) -> Bool
    /// The next bytes of the body, valid during the call. False stops the transfer.
    func received(body: RawSpan) -> Bool
    /// Nothing more has arrived for now.
    func paused()
    /// How soon `paused` is to be called again although nothing arrives; nil is never.
    var attention: Duration? { get }
    /// Asked when `watched` has become readable. True stops the transfer.
    func isAbandoned() -> Bool
}

/// One easy handle, with connections of its own that outlive a transfer, and what libcurl borrows from us.
///
/// Not Sendable: one thread at a time. `@safe`: the handles are made in `init`, freed in `deinit`, and never handed out;
/// libcurl's pointer to `self` is set for the time of `perform` only.
@safe public final class CurlTransfer {
    private let library: CurlLibrary
    private let easy: UnsafeMutableRawPointer
    private let multi: UnsafeMutableRawPointer
    private let requestHeaders: [String]
    private let headers: CurlHeaderList
    private let keptFields: Set<String>

    private var delegate: (any CurlTransferDelegate)?
    private var parser: CurlHeadParser
    private var progress = Progress()
    private var end: CurlError?
    /// The socket of the last transfer's connection, as far as that is kept. Only ever polled: it may be closed by now.
    private var restingSocket: Int32 = -1

    private struct Progress {
        var hasHead = false
        var hasBody = false
        var refusedAddress = false
        /// Whether any address was dialled.
        var hasDialled = false
        var lacksDescriptor = false
        var lastReceived = ContinuousClock.now
        /// Time spent in the delegate, that is, waiting for the client: the origin is not to blame for it.
        var inDelegate = Duration.zero
    }

    public init(_ settings: Settings) throws(CurlError) {
        library = try CurlLibrary.load()
        guard let easy = unsafe library.api.pointee.easy_init() else { throw .unavailable("curl_easy_init") }
        guard let multi = unsafe library.api.pointee.multi_init() else {
            unsafe library.api.pointee.easy_cleanup(easy)
            throw .unavailable("curl_multi_init")
        }
        unsafe self.easy = easy
        unsafe self.multi = multi
        requestHeaders = settings.requestHeaders
        headers = CurlHeaderList(requestHeaders, library: library)
        keptFields = settings.keptFields
        parser = CurlHeadParser(keeping: settings.keptFields)
        configure(settings)
    }

    deinit {
        _ = unsafe library.api.pointee.multi_cleanup(multi)
        unsafe library.api.pointee.easy_cleanup(easy)
    }

    /// Fetches `url`, which must be an absolute http or https URL, and calls the delegate as things happen. Returns when
    /// the body has ended as HTTP says it should; throws whatever else happens. Redirects are not followed.
    /// `fields` are header lines for this request alone, `watched` is a descriptor that becomes readable when nobody
    /// wants the transfer any more.
    public func perform(
        _ url: String, fields: [String] = [], limits: Limits, watching watched: Int32? = nil,
        for delegate: any CurlTransferDelegate
    ) throws(CurlError) {
        self.delegate = delegate
        parser = CurlHeadParser(keeping: keptFields)
        progress = Progress()
        end = nil
        defer { self.delegate = nil }
        set(CURLOPT_FRESH_CONNECT, isConnectionTainted ? 1 : 0)
        set(CURLOPT_URL, url)
        let ownHeaders = fields.isEmpty ? headers : CurlHeaderList(requestHeaders + fields, library: library)
        unsafe curl_set_pointer(library.api, easy, CURLOPT_HTTPHEADER, ownHeaders.list)
        defer { withExtendedLifetime(ownHeaders) {} }
        set(CURLOPT_CONNECTTIMEOUT_MS, limits.connect.milliseconds)
        let context = unsafe Unmanaged.passUnretained(self).toOpaque()
        for option in [CURLOPT_WRITEDATA, CURLOPT_HEADERDATA, CURLOPT_OPENSOCKETDATA, CURLOPT_PREREQDATA] {
            unsafe curl_set_pointer(library.api, easy, option, context)
        }
        _ = unsafe library.api.pointee.multi_add_handle(multi, easy)
        defer {
            restingSocket = unsafe curl_get_socket(library.api, easy)
            _ = unsafe library.api.pointee.multi_remove_handle(multi, easy)
        }
        let code = try run(limits, watched: watched)
        if let end { throw end }
        if code != CURLE_OK.rawValue { throw error(code) }
        // HTTP/0.9 is refused by libcurl, so this is an answer that never had a head.
        if !progress.hasHead { throw .brokenResponse(code: code) }
    }

    /// Where the time of the transfer that ended last went, as libcurl counted it from its start.
    public var timings: Timings {
        func time(_ info: CURLINFO) -> Duration {
            var value: curl_off_t = 0
            unsafe curl_get_time(library.api, easy, info, &value)
            return .microseconds(value)
        }
        let name = time(CURLINFO_NAMELOOKUP_TIME_T)
        let connect = time(CURLINFO_CONNECT_TIME_T)
        let tls = time(CURLINFO_APPCONNECT_TIME_T)
        return Timings(
            nameLookup: name, connect: max(connect - name, .zero), tls: max(tls - connect, .zero),
            firstByte: time(CURLINFO_STARTTRANSFER_TIME_T))
    }
}

extension CurlTransfer {
    private func configure(_ settings: Settings) {
        set(CURLOPT_NOSIGNAL, 1)
        // A look-up that has outlived its time goes on alone; without this libcurl would wait for it all the same.
        set(CURLOPT_QUICK_EXIT, 1)
        set(CURLOPT_PROTOCOLS_STR, "http,https")
        set(CURLOPT_REDIR_PROTOCOLS_STR, "http,https")
        set(CURLOPT_FOLLOWLOCATION, 0)
        // The URL was normalised where it was judged; a second opinion on dot segments would ask for another one.
        set(CURLOPT_PATH_AS_IS, 1)
        set(CURLOPT_PROXY, "")
        set(CURLOPT_NETRC, 0)
        set(CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_1_1))
        set(CURLOPT_HTTP09_ALLOWED, 0)
        // The bytes are passed on as they are; a content coding that comes all the same is refused further up.
        set(CURLOPT_HTTP_CONTENT_DECODING, 0)
        set(CURLOPT_SSL_VERIFYPEER, 1)
        set(CURLOPT_SSL_VERIFYHOST, 2)
        set(CURLOPT_BUFFERSIZE, 64 << 10)
        set(CURLOPT_MAXCONNECTS, 1)
        set(CURLOPT_TCP_KEEPALIVE, 1)
        set(CURLOPT_USERAGENT, settings.userAgent)
        setAuthorities(settings.certificateAuthorities)
        unsafe curl_multi_set_long(library.api, multi, CURLMOPT_MAXCONNECTS, 1)
        unsafe curl_set_pointer(library.api, easy, CURLOPT_SHARE, library.shareHandle)
        unsafe curl_set_data(library.api, easy, CURLOPT_WRITEFUNCTION, receiveBody)
        unsafe curl_set_data(library.api, easy, CURLOPT_HEADERFUNCTION, receiveHeader)
        unsafe curl_set_open(library.api, easy, openSocket)
        // libcurl before 7.80 does not ask before a request on a connection that is open already. There each is used once,
        // and judged when it is opened.
        if unsafe curl_set_prereq(library.api, easy, judgePeer) != CURLE_OK { set(CURLOPT_FORBID_REUSE, 1) }
    }

    /// The system's authorities are looked up one by one in their hashed directory where there is one: a bundle is
    /// parsed whole, some megabytes and milliseconds for each handle.
    private func setAuthorities(_ file: String?) {
        let directory = "/etc/ssl/certs"
        if let file {
            set(CURLOPT_CAINFO, file)
            unsafe curl_set_string(library.api, easy, CURLOPT_CAPATH, nil)
        } else if unsafe access(directory + "/ca-certificates.crt", R_OK) == 0 {
            unsafe curl_set_string(library.api, easy, CURLOPT_CAINFO, nil)
            set(CURLOPT_CAPATH, directory)
        }
    }

    private func set(_ option: CURLoption, _ value: Int) { unsafe curl_set_long(library.api, easy, option, value) }

    private func set(_ option: CURLoption, _ value: String) {
        unsafe curl_set_string(library.api, easy, option, value)
    }

    /// Drives the transfer to its end, or to the first limit that it meets.
    private func run(_ limits: Limits, watched: Int32?) throws(CurlError) -> UInt32 {
        var watched = watched
        while true {
            var running: Int32 = 0
            _ = unsafe library.api.pointee.multi_perform(multi, &running)
            let result = unsafe curl_multi_result(library.api, multi)
            if result >= 0 { return UInt32(result) }
            if progress.hasBody { delegate?.paused() }
            let now = ContinuousClock.now
            let (deadline, phase) = nextDeadline(limits)
            guard now < deadline else { throw .timedOut(phase) }
            let longest = delegate?.attention.map { min($0, deadline - now) } ?? deadline - now
            let wait = Int32(clamping: max(1, longest.milliseconds))
            if waitForEvents(milliseconds: wait, watched: watched) {
                if delegate?.isAbandoned() ?? true { throw .abandoned }
                watched = nil  // It is readable for another reason, and stays so.
            }
        }
    }

    /// Whether something has come on the connection that rests: an answer that nobody asked for, which libcurl would take
    /// for the next one, or the end. There is one connection at most, so it is the one that would be used again.
    private var isConnectionTainted: Bool {
        guard restingSocket >= 0 else { return false }
        var watched = pollfd(fd: restingSocket, events: Int16(POLLIN), revents: 0)
        return unsafe poll(&watched, 1, 0) != 0
    }

    private func nextDeadline(_ limits: Limits) -> (ContinuousClock.Instant, CurlPhase) {
        let total = limits.totalBy + progress.inDelegate
        let next: (deadline: ContinuousClock.Instant, phase: CurlPhase) =
            progress.hasBody
            ? (progress.lastReceived + limits.stall, .stall) : (limits.firstByteBy, .firstByte)
        return next.deadline < total ? next : (total, .total)
    }

    /// True when `watched` is readable.
    private func waitForEvents(milliseconds: Int32, watched: Int32?) -> Bool {
        var extra = curl_waitfd(fd: watched ?? -1, events: Int16(CURL_WAIT_POLLIN), revents: 0)
        let count: UInt32 = watched == nil ? 0 : 1
        unsafe curl_wait(library.api, multi, &extra, count, milliseconds)
        return extra.revents != 0
    }

    private func error(_ code: UInt32) -> CurlError {
        switch CURLcode(code) {
        case CURLE_COULDNT_CONNECT where progress.lacksDescriptor: .outOfDescriptors
        case CURLE_COULDNT_RESOLVE_HOST: .nameNotResolved
        // Of several addresses those that were dialled are those that count.
        case CURLE_COULDNT_CONNECT:
            .connectionFailed(refusedByPolicy: progress.refusedAddress && !progress.hasDialled)
        case CURLE_ABORTED_BY_CALLBACK: .connectionFailed(refusedByPolicy: progress.refusedAddress)
        case CURLE_OPERATION_TIMEDOUT: .timedOut(.connect)
        case CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CONNECT_ERROR, CURLE_SSL_CERTPROBLEM, CURLE_SSL_CIPHER,
            CURLE_SSL_ISSUER_ERROR, CURLE_SSL_CACERT_BADFILE, CURLE_SSL_INVALIDCERTSTATUS:
            .tls(code: code)
        default: .brokenResponse(code: code)
        }
    }
}

// What the callbacks pass on.

extension CurlTransfer {
    func receive(header line: Span<UInt8>) -> Bool {
        // Lines after the head are trailers (RFC 9110, 6.5), and nothing of ours depends on them.
        guard !progress.hasHead else { return true }
        progress.lastReceived = .now
        switch parser.receive(line) {
        case .more: return true
        case .broken:
            end = .brokenResponse(code: CURLE_WEIRD_SERVER_REPLY.rawValue)
            return false
        case .complete(var head):
            progress.hasHead = true
            head.timings = timings
            return timed { $0.received(head: head) }
        }
    }

    func receive(body bytes: RawSpan) -> Bool {
        progress.hasBody = true
        return timed { $0.received(body: bytes) }
    }

    private func timed(_ call: (any CurlTransferDelegate) -> Bool) -> Bool {
        guard let delegate else { return false }
        let start = ContinuousClock.now
        let goesOn = call(delegate)
        progress.lastReceived = .now
        progress.inDelegate += progress.lastReceived - start
        if !goesOn { end = .stopped }
        return goesOn
    }

    func open(_ family: Int32, _ type: Int32, _ number: Int32) -> Int32 {
        let descriptor = socket(family, type | Int32(SOCK_CLOEXEC.rawValue), number)
        if descriptor < 0, errno == EMFILE || errno == ENFILE { progress.lacksDescriptor = true }
        if descriptor >= 0 { progress.hasDialled = true }
        return descriptor
    }

    func admits(_ peer: CurlPeer?) -> Bool {
        guard let peer, let delegate, delegate.admits(peer) else {
            progress.refusedAddress = true
            return false
        }
        return true
    }
}
