/// Why a transfer did not end well. `code` is libcurl's `CURLcode`.
public enum CurlError: Error, Equatable, Sendable {
    /// libcurl, or a function of it, is not on this machine.
    case unavailable(String)
    /// This process has no descriptor left for a connection.
    case outOfDescriptors
    case nameNotResolved
    /// Every address was refused by the delegate or by the other side; `refusedByPolicy` when one of ours was.
    case connectionFailed(refusedByPolicy: Bool)
    /// The certificate is not to be trusted, is expired, or names another host; or there is no TLS to be had.
    case tls(code: UInt32)
    case timedOut(CurlPhase)
    /// The origin broke HTTP, or the connection broke: a short body, a bad chunk, a bad length, an oversized head.
    case brokenResponse(code: UInt32)
    /// The delegate wanted no more.
    case stopped
    /// Whoever waits for the transfer has left.
    case abandoned
}

/// How far a transfer had come.
public enum CurlPhase: String, Sendable { case connect, firstByte, stall, total }
