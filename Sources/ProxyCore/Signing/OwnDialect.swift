// Our own form: `url=…&s=…`, and `e=…` where it expires.
//
// What is signed is the decoded url, so that no web server can break a signature by escaping it in another way, and, each on
// a line of its own that no url can hold, `name=value` of the other parameters in the order of their names. Where there are
// none, that is the url itself: any language's HMAC signs it in one line. A signed request has each parameter once and
// none that is not signed.

/// `url`, options and `s`, an HMAC-SHA256 in base64url.
enum OwnDialect {
    static let signatureName = "s"
    static let expiryName = "e"
    /// The parameters that are signed beside the url.
    static let optionNames = [expiryName]

    static func claim(_ target: RequestTarget) -> SignedClaim? {
        guard let query = try? QueryString(target.query), query.holdsOnly(["url", signatureName] + optionNames),
            let url = try? query.value(of: "url"), !url.isEmpty, let text = try? query.value(of: signatureName),
            let signature = Base64URL.decode(text.utf8), signature.count == SigningHash.sha256.signatureLength
        else { return nil }
        var options: [(name: String, value: String)] = []
        for name in optionNames {
            do { if let value = try query.value(of: name) { options.append((name, value)) } } catch { return nil }
        }
        return SignedClaim(.own, signature: signature, messages: [message(url, options)]) {
            () throws(ImageRequestError) in
            var content = SignedClaim.Content(source: .url(Array(url.utf8)))
            for option in options where option.name == expiryName {
                content.expires = try SignedClaim.time(Array(option.value.utf8))
            }
            return content
        }
    }

    static func message(_ url: String, _ options: [(name: String, value: String)]) -> [UInt8] {
        let lines = options.sorted { $0.name < $1.name }.map { "\n\($0.name)=\($0.value)" }
        return Array((url + lines.joined()).utf8)
    }
}
