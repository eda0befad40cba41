/// HMAC-SHA256 of salt and path, which may be cut: `/<signature>/<options>/<source>`.
///
/// The source is base64url that slashes may divide, `plain/` and an escaped URL, or `enc/` and an encrypted one.
enum ImgproxyDialect {
    static func claim(_ path: ArraySlice<UInt8>, query: String, signatureLength: Int) -> SignedClaim? {
        guard query.isEmpty, let slash = path.firstIndex(of: UInt8(ascii: "/")),
            slash - path.startIndex == Base64URL.length(signatureLength),
            let signature = Base64URL.decode(path[..<slash])
        else { return nil }
        let signed = path[slash...]
        return SignedClaim(.imgproxy, signature: signature, messages: [Array(signed)]) { () throws(ImageRequestError) in
            try content(signed.dropFirst())
        }
    }

    private static func content(_ path: ArraySlice<UInt8>) throws(ImageRequestError) -> SignedClaim.Content {
        var segments = path.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)[...]
        var expires: Int64?
        // The first segment without a colon begins the source.
        while let segment = segments.first, segment.contains(UInt8(ascii: ":")) {
            segments.removeFirst()
            if let time = try ImgproxyOption(segment).expires { expires = time }
        }
        return SignedClaim.Content(source: try source(segments), expires: expires)
    }

    private static func source(_ segments: ArraySlice<ArraySlice<UInt8>>) throws(ImageRequestError)
        -> SignedClaim.Source
    {
        guard let first = segments.first else { throw .missing }
        if first.elementsEqual("plain".utf8), segments.count > 1 {
            let text = segments.dropFirst().joined(separator: "/".utf8)
            guard let url = PercentEncoding.decode(try withoutFormat(Array(text), mark: "@")) else { throw .malformed }
            return .url(url)
        }
        let isEncrypted = first.elementsEqual("enc".utf8) && segments.count > 1
        let text = Array((isEncrypted ? segments.dropFirst() : segments).joined())
        guard let bytes = Base64URL.decodePadded(try withoutFormat(text, mark: ".")) else { throw .malformed }
        return isEncrypted ? .encrypted(bytes) : .url(bytes)
    }

    /// What stands before `mark`; behind it stands a format to convert to.
    private static func withoutFormat(
        _ text: [UInt8], mark: Unicode.Scalar
    ) throws(ImageRequestError) -> ArraySlice<UInt8> {
        let parts = text.split(separator: UInt8(ascii: mark), maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count < 2 || parts[1].isEmpty else { throw .unsupportedOption }
        return parts[0]
    }
}

/// `name:argument:…`, one that leaves an image as it is; anything else is no option that can be served.
struct ImgproxyOption {
    let expires: Int64?

    init(_ segment: ArraySlice<UInt8>) throws(ImageRequestError) {
        let parts = segment.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        let name = String(decoding: parts[0], as: UTF8.self)
        let arguments = parts.dropFirst().map { String(decoding: $0, as: UTF8.self) }
        if ["expires", "exp"].contains(name) {
            guard arguments.count == 1 else { throw .malformed }
            expires = try SignedClaim.time(Array(arguments[0].utf8))
            return
        }
        guard let neutral = Self.neutralArguments[name] else { throw .unsupportedOption }
        guard zip(arguments, neutral).allSatisfy({ $1.isEmpty || $0.isEmpty || $1.contains($0) }),
            arguments.count <= neutral.count || neutral.isEmpty
        else { throw .unsupportedOption }
        expires = nil
    }

    private static let zero = ["0"]
    private static let off = ["0", "f", "false"]
    private static let anything: [String] = []

    /// For each argument the values that change nothing; an argument that is left out never does. Options without a list
    /// take any number of arguments: they are for caches and names, or mean nothing where the size stays.
    private static let neutralArguments: [String: [[String]]] = {
        let size = [zero, zero, off, off]
        let rows: [([String], [[String]])] = [
            (["raw"], []), (["cachebuster", "cb"], []), (["filename", "fn"], []), (["return_attachment", "att"], []),
            (["resizing_type", "rt"], []), (["gravity", "g"], []), (["enlarge", "el"], [off]),
            (["resize", "rs"], [anything] + size), (["size", "s"], size),
            (["width", "w"], [zero]), (["height", "h"], [zero]), (["dpr"], [["1"]]), (["quality", "q"], [zero]),
        ]
        var table: [String: [[String]]] = [:]
        for (names, arguments) in rows { for name in names { table[name] = arguments } }
        return table
    }()
}
