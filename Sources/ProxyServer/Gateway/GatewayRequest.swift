public import FastCGI
import ProxyCore

/// A request as a gateway protocol delivers it, and the way back: all that the proxy knows of FastCGI or CGI.
///
/// Not Sendable: from `param` to `finish` it stays on the thread that took it.
public protocol GatewayRequest: AnyObject {
    /// The value of a CGI meta-variable (RFC 3875, 4.1).
    func param(_ name: String) -> String?
    /// Writes `head` and then `body` as one piece, blocking until the web server has taken them. `isLast` says that
    /// nothing follows but `finish`, for a gateway that can make use of it.
    func write(_ head: RawSpan, _ body: RawSpan, isLast: Bool) throws(GatewayError)
    /// Ends a whole response. Nothing of the request is touched afterwards.
    func finish()
    /// Ends a response that is not whole so that the web server can tell.
    func abort()
    /// Whether the web server, or the client behind it, has gone.
    var isPeerGone: Bool { get }
    /// Whether a write of some tens of kilobytes would not have to wait, as far as that can be told.
    var isWritable: Bool { get }
    /// Becomes readable when the peer goes; nil when there is no such descriptor.
    var watchedDescriptor: Int32? { get }
    /// False where a cut response cannot be told from a whole one unless its length was announced (plain CGI).
    var canShowAbort: Bool { get }
}

public enum GatewayError: Error, Equatable, Sendable {
    /// The web server has closed the connection, or took nothing for too long.
    case peerGone
}

extension FastCGIRequest: GatewayRequest {
    public func write(_ head: RawSpan, _ body: RawSpan, isLast: Bool) throws(GatewayError) {
        do { try send(head, body, isLast: isLast) } catch { throw .peerGone }
    }

    public var watchedDescriptor: Int32? { peerDescriptor }
    public var canShowAbort: Bool { true }
}

extension RequestTarget {
    /// Where a request that came through a gateway names its image.
    init(_ request: any GatewayRequest) {
        self.init(
            query: request.param("QUERY_STRING") ?? "", requestURI: request.param("REQUEST_URI"),
            pathInfo: request.param("PATH_INFO"))
    }
}
