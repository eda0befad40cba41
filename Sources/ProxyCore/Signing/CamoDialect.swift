/// HMAC-SHA1 of the URL: `/<hex>/<hex url>`, `/<base64url>/<base64url url>`, or `/<hex>?url=…`.
enum CamoDialect {
    private static let length = SigningHash.sha1.signatureLength

    static func claim(_ path: ArraySlice<UInt8>, query: String) -> SignedClaim? {
        let segments = path.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        switch segments.count {
        case 1: return claim(hexadecimal: segments[0], query: query)
        case 2 where query.isEmpty: return claim(segments[0], url: segments[1])
        default: return nil
        }
    }

    /// The length of the first segment says how both are written.
    private static func claim(_ signature: ArraySlice<UInt8>, url: ArraySlice<UInt8>) -> SignedClaim? {
        switch signature.count {
        case 2 * length: claim(Hexadecimal.decode(signature), Hexadecimal.decode(url))
        case Base64URL.length(length): claim(Base64URL.decode(signature), Base64URL.decode(url))
        default: nil
        }
    }

    private static func claim(hexadecimal signature: ArraySlice<UInt8>, query: String) -> SignedClaim? {
        guard signature.count == 2 * length, let query = try? QueryString(query), query.holdsOnly(["url"]),
            let url = try? query.value(of: "url")
        else { return nil }
        return claim(Hexadecimal.decode(signature), Array(url.utf8))
    }

    private static func claim(_ signature: [UInt8]?, _ url: [UInt8]?) -> SignedClaim? {
        guard let signature, let url else { return nil }
        return SignedClaim(.camo, signature: signature, messages: [url]) { SignedClaim.Content(source: .url(url)) }
    }
}
