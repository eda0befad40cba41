/// HMAC-SHA1 of options and image: `/<signature>/<options>/<image>`, where the image may come without its scheme.
enum ThumborDialect {
    static func claims(_ path: ArraySlice<UInt8>, query: String) -> [SignedClaim] {
        // A query would belong to the image and not to what is signed.
        guard query.isEmpty, let slash = path.firstIndex(of: UInt8(ascii: "/")), slash - path.startIndex <= 40,
            // The padding may come as %3D.
            let text = PercentEncoding.decode(path[..<slash]), text.count == 28,
            let signature = Base64URL.decodePadded(text[...]), signature.count == SigningHash.sha1.signatureLength
        else { return [] }
        // The first segment is taken off by its place. Whoever takes it off by its text can be made to take off more
        // (CVE-2026-53501).
        let raw = path[(slash + 1)...]
        // Versions differ in whether the path is decoded before it is verified. Whichever was signed is what is read.
        let decoded = PercentEncoding.decode(raw).flatMap { raw.elementsEqual($0) ? nil : $0 }
        return [Array(raw), decoded].compactMap { $0 }.map { message in
            SignedClaim(.thumbor, signature: signature, messages: [message]) { () throws(ImageRequestError) in
                SignedClaim.Content(source: .url(try image(message[...])))
            }
        }
    }

    /// What follows the options.
    private static func image(_ path: ArraySlice<UInt8>) throws(ImageRequestError) -> [UInt8] {
        var rest = path
        while let slash = rest.firstIndex(of: UInt8(ascii: "/")) {
            switch Option(rest[..<slash]) {
            case .none: return withScheme(rest)
            case .neutral: rest = rest[(slash + 1)...]
            case .changing: throw .unsupportedOption
            }
        }
        return withScheme(rest)
    }

    private static func withScheme(_ image: ArraySlice<UInt8>) -> [UInt8] {
        for scheme in SourceURL.Scheme.allCases {
            if image.starts(with: "\(scheme.rawValue)://".utf8) { return Array(image) }
            // A URL that was escaped whole, for its query: no host begins like this.
            let escaped = Array("\(scheme.rawValue)%3a%2f%2f".utf8)
            if image.prefix(escaped.count).map(URIText.lowercased) == escaped {
                return PercentEncoding.decode(image) ?? Array(image)
            }
        }
        return Array("http://".utf8) + image
    }

    /// What a segment before the image means.
    private enum Option {
        case none, neutral, changing

        private static let neutralWords: Set<String> = [
            "left", "center", "right", "top", "middle", "bottom", "smart", "0x0",
        ]
        private static let changingWords: Set<String> = [
            "debug", "meta", "trim", "fit-in", "adaptive-fit-in", "full-fit-in",
        ]

        init(_ segment: ArraySlice<UInt8>) {
            let text = String(decoding: segment, as: UTF8.self)
            self =
                if Self.neutralWords.contains(text) {
                    .neutral
                } else if Self.changingWords.contains(text) || Self.isSize(segment) || Self.startsLikeOption(text) {
                    .changing
                } else {
                    .none
                }
        }

        private static func startsLikeOption(_ text: String) -> Bool {
            ["filters:", "trim:", "adaptive-", "full-"].contains { text.hasPrefix($0) }
        }

        /// `300x200`, `-300x-200`, `300x`, `origxorig`, and `10x10:200x200`. No host is like that: its last label would
        /// be a number, or it has no dot.
        private static func isSize(_ segment: ArraySlice<UInt8>) -> Bool {
            segment.contains(UInt8(ascii: "x"))
                && segment.allSatisfy { URIText.isDigit($0) || sizePunctuation.contains($0) }
        }

        private static let sizePunctuation = Array("x:-orig".utf8)
    }
}
