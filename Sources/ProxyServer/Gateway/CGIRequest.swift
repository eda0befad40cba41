import Glibc

/// The one request of a plain CGI process (RFC 3875): meta-variables in the environment, the response on stdout.
public final class CGIRequest: GatewayRequest {
    private let output: Int32
    private var isEnded = false

    /// `output` is the descriptor that the web server reads; it is closed at the end of the response.
    public init(output: Int32) {
        self.output = output
        signal(SIGPIPE, SIG_IGN)
    }

    /// Whether the environment is that of a CGI process (RFC 3875, 4.1.4: the server must set GATEWAY_INTERFACE).
    public static var isWanted: Bool { unsafe getenv("GATEWAY_INTERFACE") != nil }

    public func param(_ name: String) -> String? { unsafe getenv(name).map { unsafe String(cString: $0) } }

    public func write(_ head: RawSpan, _ body: RawSpan, isLast: Bool) throws(GatewayError) {
        // lighttpd and Apache terminate a CGI program as soon as its response is complete, and what is left to do then is
        // the cache's. A client that leaves shows in the write instead; before the first one, SIGTERM still ends us.
        signal(SIGTERM, SIG_IGN)
        let isWritten = unsafe head.withUnsafeBytes { head in
            unsafe body.withUnsafeBytes { body in unsafe writeAll(head) && writeAll(body) }
        }
        guard isWritten else { throw .peerGone }
    }

    /// Gives the web server the end of the response at once: what is left to do must not keep the client waiting.
    public func finish() {
        guard !isEnded else { return }
        isEnded = true
        let nothing = unsafe open("/dev/null", O_RDWR)
        if nothing >= 0 {
            dup2(nothing, output)
            close(nothing)
        } else {
            close(output)
        }
    }

    /// CGI has no sign for failure in mid-body; the announced length is what gives a cut response away.
    public func abort() { finish() }

    public var isPeerGone: Bool {
        guard !isEnded else { return true }
        var watched = pollfd(fd: output, events: 0, revents: 0)
        return unsafe poll(&watched, 1, 0) > 0 && Int32(watched.revents) & (POLLERR | POLLHUP) != 0
    }

    /// A pipe is small, and nobody else waits in this process.
    public var isWritable: Bool { true }
    public var watchedDescriptor: Int32? { nil }
    public var canShowAbort: Bool { false }

    private func writeAll(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var rest = unsafe bytes
        while let base = rest.baseAddress, rest.count > 0 {
            let count = unsafe Glibc.write(output, base, rest.count)
            if count < 0 {
                if errno == EINTR { continue }
                return false
            }
            unsafe rest = UnsafeRawBufferPointer(rebasing: rest[count...])
        }
        return true
    }
}
