/// Which requests are asked for by somebody who may ask: with a key set, those that are signed with one.
public struct SigningPolicy: Sendable {
    private let keys: [[UInt8]]
    private let imgproxy: Configuration.Imgproxy
    private let dialects: [Configuration.Dialect]
    private let primitives: any SigningPrimitives

    /// The policy that the configuration describes.
    public init(_ signing: Configuration.Signing, primitives: any SigningPrimitives) {
        keys = signing.keys.map { $0.withValue { Array($0.utf8) } }
        imgproxy = signing.imgproxy
        dialects = signing.dialects
        self.primitives = primitives
        isRequired = signing.isRequired
    }

    /// Whether requests have to be signed.
    public let isRequired: Bool

    /// The image that a request asks for. Throws where there is none, and where it had to be signed and is not.
    ///
    /// `now` is in Unix milliseconds.
    public func image(for target: RequestTarget, at now: Int64) throws(ImageRequestError) -> ImageRequest {
        guard isRequired else { return try ImageRequest(queryString: target.query) }
        let claims = claims(in: target)
        for claim in claims where isAuthentic(claim) { return try image(of: claim, at: now) }
        // A request that names nothing is told so, unless its path may have been meant to.
        if claims.isEmpty, !dialects.contains(where: \.usesPath) { _ = try ImageRequest.urlText(inQuery: target.query) }
        throw .denied(.signature)
    }

    /// Whether the path is one that somebody signed, or made to look so. Its last segment is then an image's and no
    /// endpoint's.
    public func hasSignedPath(_ target: @autoclosure () -> RequestTarget) -> Bool {
        isRequired && dialects.contains(where: \.usesPath) && claims(in: target()).contains { $0.dialect.usesPath }
    }
}

extension SigningPolicy {
    private func claims(in target: RequestTarget) -> [SignedClaim] {
        let own = dialects.contains(.own) ? [OwnDialect.claim(target)].compactMap { $0 } : []
        let others = dialects.filter(\.usesPath)
        guard !others.isEmpty else { return own }
        return own
            + target.pathsBehindMount.flatMap { path in others.flatMap { claims($0, path, query: target.query) } }
    }

    private func claims(_ dialect: Configuration.Dialect, _ path: ArraySlice<UInt8>, query: String) -> [SignedClaim] {
        let claim: SignedClaim?
        switch dialect {
        case .own: claim = nil
        case .camo: claim = CamoDialect.claim(path, query: query)
        case .imgproxy: claim = ImgproxyDialect.claim(path, query: query, signatureLength: imgproxy.signatureLength)
        case .willnorris: claim = WillnorrisDialect.claim(path, query: query)
        case .thumbor: return ThumborDialect.claims(path, query: query)
        }
        return claim.map { [$0] } ?? []
    }

    private func isAuthentic(_ claim: SignedClaim) -> Bool {
        let pairs = claim.dialect == .imgproxy ? imgproxy.pairs : keys.map { ($0, []) }
        return pairs.contains { key, salt in
            claim.messages.contains { message in
                guard let code = primitives.code(claim.dialect.hash, key: key, salt + message) else { return false }
                return primitives.areEqual(Array(code.prefix(claim.signature.count)), claim.signature)
            }
        }
    }

    private func image(of claim: SignedClaim, at now: Int64) throws(ImageRequestError) -> ImageRequest {
        let content = try claim.content.get()
        if let expires = content.expires, now / 1000 > expires { throw .denied(.signatureExpired) }
        let bytes =
            switch content.source {
            case .url(let bytes): bytes
            case .encrypted(let bytes): try decrypt(bytes)
            }
        if claim.dialect.sharesKeysAndHash, SignedClaim.hasFragment(bytes) { throw .denied(.signature) }
        guard let text = QueryString.text(bytes) else { throw .malformed }
        return try ImageRequest(urlText: text)
    }

    /// The signature was right, so whoever could learn from a padding error has the key of the signature.
    private func decrypt(_ bytes: [UInt8]) throws(ImageRequestError) -> [UInt8] {
        guard let key = imgproxy.encryptionKeyBytes, bytes.count > 16,
            let url = primitives.decrypt(Array(bytes[16...]), key: key, vector: Array(bytes[..<16]))
        else { throw .malformed }
        return url
    }
}
