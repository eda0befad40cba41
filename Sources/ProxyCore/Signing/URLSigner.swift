/// Makes signed URLs, in the forms that `SigningPolicy` accepts.
public struct URLSigner: Sendable {
    private let keys: [[UInt8]]
    private let imgproxy: Configuration.Imgproxy
    private let primitives: any SigningPrimitives

    /// A signer with the first of the configured keys.
    public init(_ signing: Configuration.Signing, primitives: any SigningPrimitives) {
        keys = signing.keys.map { $0.withValue { Array($0.utf8) } }
        imgproxy = signing.imgproxy
        self.primitives = primitives
    }

    /// One way to write a signed URL.
    public enum Form: String, Sendable, CaseIterable {
        case own, camo, imgproxy, willnorris, thumbor
        case camoBase64 = "camo-base64"
        case camoQuery = "camo-query"
        case imgproxyPlain = "imgproxy-plain"
        case imgproxyEncrypted = "imgproxy-encrypted"

        /// The dialect that it belongs to.
        public var dialect: Configuration.Dialect {
            switch self {
            case .own: .own
            case .camo, .camoBase64, .camoQuery: .camo
            case .imgproxy, .imgproxyPlain, .imgproxyEncrypted: .imgproxy
            case .willnorris: .willnorris
            case .thumbor: .thumbor
            }
        }
    }

    /// The path and query, behind the mount point, that ask for `url`; until `expires`, in Unix seconds, if it is given.
    public func sign(_ url: String, as form: Form, expires: Int64? = nil) throws(SigningFailure) -> String {
        guard expires == nil || form.dialect.canExpire else { throw .cannotExpire }
        if form.dialect.sharesKeysAndHash, SignedClaim.hasFragment(url.utf8) { throw .fragment }
        let bytes = Array(url.utf8)
        switch form {
        case .own: return try signOwn(url, expires)
        case .camo: return "/\(Hexadecimal.encode(try code(form, bytes)))/\(Hexadecimal.encode(bytes))"
        case .camoBase64: return "/\(Base64URL.encode(try code(form, bytes)))/\(Base64URL.encode(bytes))"
        case .camoQuery:
            return "/\(Hexadecimal.encode(try code(form, bytes)))?url=\(PercentEncoding.encodeComponent(url))"
        case .imgproxy: return try signImgproxy(Base64URL.encode(bytes), expires)
        case .imgproxyPlain: return try signImgproxy("plain/\(PercentEncoding.encodeComponent(url))", expires)
        case .imgproxyEncrypted: return try signImgproxy("enc/\(Base64URL.encode(try encrypt(bytes)))", expires)
        case .willnorris: return try signWillnorris(url, expires)
        case .thumbor: return try signThumbor(url)
        }
    }
}

/// Why a URL cannot be signed.
public enum SigningFailure: Error, Sendable, Hashable {
    /// No key for this dialect is configured.
    case noKey
    /// No key for encrypted sources is configured.
    case noEncryptionKey
    /// The dialect has no way to say until when a URL is valid.
    case cannotExpire
    /// The dialect has no way to write this URL.
    case cannotBeWritten
    /// The URL has a fragment, which the dialect does not take; nobody is ever asked for one.
    case fragment
    /// The cryptographic library cannot be loaded.
    case unavailable
}

extension URLSigner {
    private func code(_ form: Form, _ message: [UInt8]) throws(SigningFailure) -> [UInt8] {
        guard let key = keys.first else { throw .noKey }
        guard let code = primitives.code(form.dialect.hash, key: key, message) else { throw .unavailable }
        return code
    }

    private func signOwn(_ url: String, _ expires: Int64?) throws(SigningFailure) -> String {
        let options = expires.map { [(name: OwnDialect.expiryName, value: "\($0)")] } ?? []
        let signature = Base64URL.encode(try code(.own, OwnDialect.message(url, options)))
        let parameters = options.map { "&\($0.name)=\($0.value)" }.joined()
        return "?url=\(PercentEncoding.encodeComponent(url))\(parameters)&\(OwnDialect.signatureName)=\(signature)"
    }

    private func signImgproxy(_ source: String, _ expires: Int64?) throws(SigningFailure) -> String {
        guard let (key, salt) = imgproxy.pairs.first else { throw .noKey }
        let path = (expires.map { "/exp:\($0)" } ?? "") + "/\(source)"
        guard let code = primitives.code(.sha256, key: key, salt + Array(path.utf8)) else { throw .unavailable }
        return "/\(Base64URL.encode(Array(code.prefix(imgproxy.signatureLength))))\(path)"
    }

    /// The vector is made of the URL: the same URL gives the same text, which caches in front can keep.
    private func encrypt(_ url: [UInt8]) throws(SigningFailure) -> [UInt8] {
        guard let key = imgproxy.encryptionKeyBytes else { throw .noEncryptionKey }
        guard let code = primitives.code(.sha256, key: key, url) else { throw .unavailable }
        let vector = Array(code.prefix(16))
        guard let text = primitives.encrypt(url, key: key, vector: vector) else { throw .unavailable }
        return vector + text
    }

    private func signWillnorris(_ url: String, _ expires: Int64?) throws(SigningFailure) -> String {
        // It stands in the path as it is, and the fragment is where the options are signed.
        let isURI = url.utf8.allSatisfy { URIText.isQueryCharacter($0) || $0 == UInt8(ascii: "%") }
        guard isURI else { throw .cannotBeWritten }
        let options = expires.map { ["vu\($0)"] } ?? []
        let message = "\(url)#\(WillnorrisDialect.canonical(options))"
        let signature = Base64URL.encode(try code(.willnorris, Array(message.utf8)))
        return "/\((options + ["s\(signature)"]).joined(separator: ","))/\(url)"
    }

    private func signThumbor(_ url: String) throws(SigningFailure) -> String {
        let signature = Base64URL.encode(try code(.thumbor, Array(url.utf8)))
        return "/\(signature)=/\(PercentEncoding.encodeComponent(url, keeping: URIText.isPathCharacter))"
    }
}
