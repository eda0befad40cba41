/// Where a request names its image: the query, and the path as it was sent.
public struct RequestTarget: Sendable {
    /// The longest path that is looked at: that of the longest URL in hexadecimal, and a mount point.
    static let maximumPathLength = 2 * SourceURL.maximumLength + 512

    /// QUERY_STRING, without its question mark.
    public let query: String
    private let requestURI: String?
    private let pathInfo: String?

    /// REQUEST_URI has the path that was signed; PATH_INFO, which is decoded and often normalised, only what is left of it.
    public init(query: String, requestURI: String?, pathInfo: String? = nil) {
        self.query = query
        self.requestURI = requestURI
        self.pathInfo = pathInfo
    }

    /// The path with its escapes; empty where it is too long to name anything.
    var path: ArraySlice<UInt8> {
        let bytes =
            if let requestURI, !requestURI.isEmpty {
                Route.path(ofTarget: Array(requestURI.utf8)[...])
            } else {
                Array((pathInfo ?? "").utf8)[...]
            }
        return bytes.count <= Self.maximumPathLength ? bytes : []
    }

    /// What follows each of the first slashes.
    ///
    /// Nobody says where the mount point ends: web servers differ in SCRIPT_NAME. A signature that is right says it, and one
    /// that is looked for in one place more is no easier to forge. But one that stands in front already is not looked for
    /// again: what is behind a signature is signed, or it is nothing (CVE-2026-53501 was a path with two).
    var pathsBehindMount: [ArraySlice<UInt8>] {
        let path = path
        let slash = UInt8(ascii: "/")
        return path.indices.lazy.filter { path[$0] == slash }.prefix(Self.longestMount + 1).compactMap { index in
            let rest = path[(index + 1)...]
            let signature = rest.prefix { $0 != slash }
            let mount = path[..<index].split(separator: slash)
            return mount.contains { $0.elementsEqual(signature) } ? nil : rest
        }
    }

    /// The segments that a mount point may have.
    static let longestMount = 5
}
