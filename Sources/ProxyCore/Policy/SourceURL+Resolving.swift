extension SourceURL {
    /// The URL that `reference`, the value of a `Location` field, names when this URL was asked (RFC 3986, 5.2).
    ///
    /// The result has passed the same parser as any other source URL, and is yet to be authorized like any other.
    public func resolving(reference: String) throws(SourceURLError) -> SourceURL {
        let bytes = try Self.referenceBytes(reference)
        if Self.endOfScheme(bytes) != nil { return try SourceURL(reference: bytes) }
        if bytes.starts(with: "//".utf8) { return try SourceURL(scheme: scheme, afterSlashes: bytes.dropFirst(2)) }
        let path = Array(pathAndQuery.utf8.prefix { $0 != UInt8(ascii: "?") })
        let target: [UInt8]
        switch bytes.first {
        case nil: return self
        case UInt8(ascii: "/"): target = Array(bytes)
        case UInt8(ascii: "?"): target = path + bytes
        default:
            let afterDirectory = path.lastIndex(of: UInt8(ascii: "/")).map { $0 + 1 } ?? 0
            target = Array(path[..<afterDirectory] + bytes)
        }
        return try SourceURL(scheme: scheme, host: host, port: port, target: target[...])
    }

    /// `path` as RFC 3986, 5.2.4 leaves it; an empty one is `/` (6.2.3).
    static func removingDotSegments(_ path: ArraySlice<UInt8>) -> [UInt8] {
        let slash = UInt8(ascii: "/")
        guard mayHaveDotSegments(path) else { return path.isEmpty ? [slash] : Array(path) }
        let segments = path.split(separator: slash, omittingEmptySubsequences: false).dropFirst()
        var kept: [ArraySlice<UInt8>] = []
        for segment in segments {
            if segment.elementsEqual("..".utf8) {
                _ = kept.popLast()
            } else if !segment.elementsEqual(".".utf8) {
                kept.append(segment)
            }
        }
        // "/a/.." is a directory: what is removed from the end leaves its slash behind.
        if let last = segments.last, last.elementsEqual("..".utf8) || last.elementsEqual(".".utf8) { kept.append([]) }
        return kept.isEmpty ? [slash] : kept.reduce(into: []) { $0 += [slash] + $1 }
    }

    /// Whether a segment begins with a dot; then, or where it does not begin with a slash, a path is taken apart.
    private static func mayHaveDotSegments(_ path: ArraySlice<UInt8>) -> Bool {
        var previous = UInt8(ascii: "/")
        for byte in path {
            if previous == UInt8(ascii: "/"), byte == UInt8(ascii: ".") { return true }
            previous = byte
        }
        return path.first.map { $0 != UInt8(ascii: "/") } ?? false
    }
}
