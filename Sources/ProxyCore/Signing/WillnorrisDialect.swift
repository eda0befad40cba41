/// HMAC-SHA256 of the URL, or of the URL and its options: `/<option>,<option>,s<signature>/<URL>`.
enum WillnorrisDialect {
    /// The size of an image that keeps its own.
    static let noSize = "0x0"

    static func claim(_ path: ArraySlice<UInt8>, query: String) -> SignedClaim? {
        guard let slash = path.firstIndex(of: UInt8(ascii: "/")), let url = remoteURL(path[(slash + 1)...], query)
        else {
            return nil
        }
        var options: [ArraySlice<UInt8>] = []
        var signature: [UInt8]?
        for option in path[..<slash].split(separator: UInt8(ascii: ",")) {
            guard let found = signatureOption(option) else {
                options.append(option)
                continue
            }
            guard signature == nil else { return nil }
            signature = found
        }
        guard let signature else { return nil }
        let names = options.map { String(decoding: $0, as: UTF8.self) }
        let messages = [url, url + Array("#\(canonical(names))".utf8)]
        return SignedClaim(.willnorris, signature: signature, messages: messages) { () throws(ImageRequestError) in
            SignedClaim.Content(source: .url(url), expires: try expiry(names))
        }
    }

    /// The options in the order and the spelling that are signed; the size is always there.
    static func canonical(_ options: [String]) -> String {
        var size = noSize
        var others: [String] = []
        for option in options {
            if let found = Self.size(option) { size = found } else { others.append(option) }
        }
        return ([size] + others).sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }.joined(separator: ",")
    }

    /// `100x200`, `100x`, `x200` or `100`, which is both; nil where it is no size.
    private static func size(_ option: String) -> String? {
        let isDigitOrPoint = { (byte: UInt8) in URIText.isDigit(byte) || byte == UInt8(ascii: ".") }
        let parts = option.split(separator: "x", omittingEmptySubsequences: false)
        guard option != "x", 1...2 ~= parts.count, parts.allSatisfy({ $0.utf8.allSatisfy(isDigitOrPoint) }) else {
            return nil
        }
        let numbers = parts.map { $0.isEmpty ? "0" : String($0) }
        return "\(numbers[0])x\(numbers[parts.count - 1])"
    }

    private static func signatureOption(_ option: ArraySlice<UInt8>) -> [UInt8]? {
        guard option.first == UInt8(ascii: "s"), let signature = Base64URL.decodePadded(option.dropFirst()),
            signature.count == SigningHash.sha256.signatureLength
        else { return nil }
        return signature
    }

    /// The URL, whose query is that of the request. Web servers that merge slashes leave one behind the scheme.
    private static func remoteURL(_ text: ArraySlice<UInt8>, _ query: String) -> [UInt8]? {
        for scheme in SourceURL.Scheme.allCases {
            let prefix = "\(scheme.rawValue):/"
            guard text.starts(with: prefix.utf8) else { continue }
            let rest = text.dropFirst(prefix.utf8.count).drop { $0 == UInt8(ascii: "/") }
            guard !rest.isEmpty else { return nil }
            return Array("\(prefix)/".utf8) + rest + (query.isEmpty ? [] : Array("?\(query)".utf8))
        }
        return nil
    }

    /// The time of `vu`. Any other option but a size of nothing would change the image.
    private static func expiry(_ options: [String]) throws(ImageRequestError) -> Int64? {
        var expires: Int64?
        for option in options {
            if option.hasPrefix("vu") {
                guard expires == nil else { throw .malformed }
                expires = try SignedClaim.time(Array(option.utf8.dropFirst(2)))
            } else if size(option) != noSize {
                throw .unsupportedOption
            }
        }
        return expires
    }
}
