import ProxyCore

/// QUERY_STRING and the request target: what comes out has one reading.
func fuzzQuery(_ bytes: [UInt8]) {
    let text = String(decoding: bytes, as: UTF8.self)
    _ = Route(requestURI: text)
    _ = Route(requestURI: nil, scriptName: text, pathInfo: text)
    guard let image = try? ImageRequest(queryString: text) else { return }
    require(!hasControls(image.urlText), "a control character came through")
    require(image.urlText.utf8.count <= QueryString.maximumLength, "longer than what came in")
    check(image.source)
}

/// A URL, and behind a line break a reference that a redirect has to it.
func fuzzURL(_ bytes: [UInt8]) {
    let texts = lines(bytes)
    guard let first = texts.first, let url = try? SourceURL(first) else { return }
    check(url)
    guard texts.count > 1, let next = try? url.resolving(reference: texts[1]) else { return }
    check(next)
}

/// What is judged is what is dialled: written and read again, a URL is itself, and nothing in it could be another thing to
/// libcurl.
private func check(_ url: SourceURL) {
    guard let again = try? SourceURL(url.text) else { fatalError("not read again: \(url.text)") }
    require(again == url, "read differently: \(url.text)")
    let isPlain = url.text.utf8.allSatisfy { (0x21...0x7E).contains($0) && !"\\\"<>^`{|}".utf8.contains($0) }
    require(isPlain, "bytes that are not of a URI: \(url.text)")
    require(!url.text.utf8.contains(UInt8(ascii: "#")), "a fragment: \(url.text)")
    require(!"\(url.host)".utf8.contains(UInt8(ascii: "@")), "userinfo: \(url.text)")
}

/// Texts of addresses and networks, and the sixteen bytes of one.
func fuzzAddress(_ bytes: [UInt8]) {
    let text = String(decoding: bytes, as: UTF8.self)
    for address in [IPAddress(text), IPAddress(bytes: bytes)].compactMap({ $0 }) {
        require(IPAddress(address.description) == address, "read differently: \(address)")
        // An address that carries one which is not to be reached is not to be reached.
        let carriesDenied = address.embeddedIPv4.contains { !$0.isGloballyReachable }
        require(!(carriesDenied && address.isGloballyReachable), "reachable: \(address)")
        require(!(address.specialPurpose != nil && address.isGloballyReachable), "reachable: \(address)")
    }
    _ = SourceURL.Host(text)
    _ = AllowedNetwork(text)
}

/// If-None-Match, If-Modified-Since, Range, If-Range and the size of the image, a line each.
func fuzzConditions(_ bytes: [UInt8]) {
    let texts = lines(bytes)
    guard texts.count >= 5 else { return }
    let validators = Validators(etag: EntityTag("\"abc\""), lastModified: 784_111_777)
    _ = Conditional.isNotModified(ifNoneMatch: texts[0], ifModifiedSince: texts[1], validators)
    _ = Conditional.isNotModified(ifNoneMatch: nil, ifModifiedSince: texts[1], validators)
    let size = Int(texts[4]).map { max(0, $0) } ?? 1000
    for ifRange in [nil, texts[3]] {
        switch RangeRequest.evaluate(range: texts[2], ifRange: ifRange, size: size, validators) {
        case .part(let part):
            require(!part.isEmpty && part.lowerBound >= 0 && part.upperBound <= size, "\(part) of \(size)")
        case .whole, .unsatisfiable: break
        }
    }
    if let tag = EntityTag(texts[0]) {
        require(!hasControls(tag.text) && EntityTag(tag.text) == tag, "read differently: \(tag.text)")
    }
}

/// A path and a query in all dialects, to somebody who takes every signature for right: so the texts behind it are reached.
func fuzzSigning(_ bytes: [UInt8]) {
    let texts = lines(bytes)
    let target = RequestTarget(query: texts.count > 1 ? texts[1] : "", requestURI: texts.first, pathInfo: texts.first)
    _ = credulous.hasSignedPath(target)
    if let image = try? credulous.image(for: target, at: 1_700_000_000_000) {
        require(!hasControls(image.urlText), "a control character came through")
        check(image.source)
    }
    // Where signatures count, one that nobody has made is none.
    require((try? incredulous.image(for: target, at: 1_700_000_000_000)) == nil, "an image without a signature")
}

private let credulous = policy(trusting: true)
private let incredulous = policy(trusting: false)

private func policy(trusting: Bool) -> SigningPolicy {
    var signing = Configuration.Signing()
    signing.dialects = Configuration.Dialect.allCases
    signing.keys = [Secret("key")]
    signing.imgproxy.keys = [Secret("6b6579")]
    signing.imgproxy.salts = [Secret("73616c74")]
    signing.imgproxy.encryptionKey = Secret("00112233445566778899aabbccddeeff")
    return SigningPolicy(signing, primitives: FuzzPrimitives(areEqual: trusting))
}

/// Primitives without a library. Nothing is encrypted, and all signatures are right, or none is.
private struct FuzzPrimitives: SigningPrimitives {
    let areEqual: Bool

    func code(_ hash: SigningHash, key: [UInt8], _ message: [UInt8]) -> [UInt8]? {
        [UInt8](repeating: 0, count: hash.signatureLength)
    }
    func areEqual(_ left: [UInt8], _ right: [UInt8]) -> Bool { areEqual }
    func encrypt(_ text: [UInt8], key: [UInt8], vector: [UInt8]) -> [UInt8]? { text }
    func decrypt(_ text: [UInt8], key: [UInt8], vector: [UInt8]) -> [UInt8]? { text }
}
