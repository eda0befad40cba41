/// The head of a response to the web server, in CGI form (RFC 3875, 6.3).
///
/// Built from what is ours alone: an origin's header is never copied. A FastCGI header is a control channel: with
/// `X-Accel-Redirect`, or with a line feed, an origin could make the web server serve what it never should.
public struct ResponseHead: Sendable {
    public var status: Int
    /// Nil where there is no body to be of a type (304).
    public var contentType: String?
    /// Bytes of the body; nil when it is not known before the end.
    public var contentLength: Int?
    public var cacheStatus: CacheStatus
    /// Further fields; names and values are ours.
    public var fields: [(name: String, value: String)] = []

    public init(status: Int, contentType: String?, contentLength: Int?, cacheStatus: CacheStatus) {
        self.status = status
        self.contentType = contentType
        self.contentLength = contentLength
        self.cacheStatus = cacheStatus
    }

    /// What a browser is told to keep from doing with the body.
    public var protection = Protection.image

    public enum Protection: Sendable, Equatable {
        /// Keeps a hostile image harmless.
        case image
        /// For a page of ours with a Content-Security-Policy of its own, which belongs to nobody else.
        case page(policy: String)

        /// The lines of it, at the end of a head, and the empty line that ends that.
        fileprivate var lastLines: [UInt8] {
            switch self {
            case .image: Self.lastLinesOfImage
            case .page(let policy):
                ResponseHead.lines([
                    ("X-Content-Type-Options", "nosniff"), ("Content-Security-Policy", policy),
                    ("Cross-Origin-Resource-Policy", "same-origin"), ("Referrer-Policy", "no-referrer"),
                ]) + ResponseHead.lineEnd
            }
        }

        private static let lastLinesOfImage =
            ResponseHead.lines([
                ("X-Content-Type-Options", "nosniff"),
                ("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox"),
                ("Cross-Origin-Resource-Policy", "cross-origin"),
            ]) + ResponseHead.lineEnd
    }

    /// The head as it goes to the web server, with the empty line that ends it.
    public var bytes: [UInt8] {
        var head: [UInt8] = []
        head.reserveCapacity(768)
        Self.add("Status", "\(status) \(Self.reasonPhrase(status))", to: &head)
        if let contentType { Self.add("Content-Type", contentType, to: &head) }
        if let contentLength { Self.add("Content-Length", String(contentLength), to: &head) }
        Self.add("Cache-Status", cacheStatus.fieldValue, to: &head)
        for field in fields { Self.add(field.name, field.value, to: &head) }
        head.append(contentsOf: protection.lastLines)
        return head
    }

    private static let lineEnd: [UInt8] = [0x0D, 0x0A]

    private static func lines(_ fields: [(name: String, value: String)]) -> [UInt8] {
        fields.reduce(into: []) { add($1.name, $1.value, to: &$0) }
    }

    private static func add(_ name: String, _ value: String, to head: inout [UInt8]) {
        head.append(contentsOf: name.utf8)
        head.append(UInt8(ascii: ":"))
        head.append(UInt8(ascii: " "))
        head.append(contentsOf: value.utf8)
        head.append(contentsOf: lineEnd)
    }

    /// The reason phrases of RFC 9110, 15, for the statuses that we send.
    public static func reasonPhrase(_ status: Int) -> String {
        switch status {
        case 200: "OK"
        case 206: "Partial Content"
        case 304: "Not Modified"
        case 400: "Bad Request"
        case 403: "Forbidden"
        case 404: "Not Found"
        case 405: "Method Not Allowed"
        case 410: "Gone"
        case 416: "Range Not Satisfiable"
        case 502: "Bad Gateway"
        case 503: "Service Unavailable"
        case 504: "Gateway Timeout"
        default: "Error"
        }
    }
}
