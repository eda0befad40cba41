/// What a request path asks for, wherever the handler is mounted.
///
/// The last path segment decides, so a mount point needs no configuration; it must only not be named like an endpoint. What
/// is not exactly an endpoint is the image endpoint, which does nothing without its parameter.
public enum Route: String, Sendable, Hashable, CaseIterable {
    case image, health, stats, metrics, status

    /// Routes by REQUEST_URI, which every web server passes alike; by SCRIPT_NAME and PATH_INFO where it is not there.
    public init(
        requestURI: String?, scriptName: @autoclosure () -> String? = nil, pathInfo: @autoclosure () -> String? = nil
    ) {
        if let requestURI, !requestURI.isEmpty {
            let segment = Self.lastSegment(Self.path(ofTarget: Array(requestURI.utf8)[...]))
            let isPlain = !segment.contains(UInt8(ascii: "%"))
            self.init(segment: isPlain ? segment : (PercentEncoding.decode(segment) ?? [])[...])
        } else {
            // RFC 3875, 4.1.5: PATH_INFO is decoded already.
            let path = (scriptName() ?? "") + (pathInfo() ?? "")
            self.init(segment: Self.lastSegment(Array(path.utf8)[...]))
        }
    }

    private init(segment: ArraySlice<UInt8>) {
        self = Self.allCases.first { segment.elementsEqual($0.rawValue.utf8) } ?? .image
    }

    /// The path of an origin-form or absolute-form request target (RFC 9112, 3.2).
    static func path(ofTarget target: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        let path = target.prefix { $0 != UInt8(ascii: "?") && $0 != UInt8(ascii: "#") }
        guard let colon = SourceURL.endOfScheme(path), path[(colon + 1)...].starts(with: "//".utf8) else { return path }
        return path[(colon + 3)...].drop { $0 != UInt8(ascii: "/") }
    }

    /// The last segment that is not empty, or nothing when it is longer than any endpoint's name could be written.
    private static func lastSegment(_ path: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        let isSlash = { (byte: UInt8) in byte == UInt8(ascii: "/") }
        let end = path.lastIndex { !isSlash($0) }.map { $0 + 1 } ?? path.startIndex
        let trimmed = path[..<end]
        let start = trimmed.lastIndex(where: isSlash).map { $0 + 1 } ?? trimmed.startIndex
        return trimmed.endIndex - start <= 64 ? trimmed[start...] : []
    }
}
