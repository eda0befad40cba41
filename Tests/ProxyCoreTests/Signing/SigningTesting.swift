import Crypto

@testable import ProxyCore

/// The primitives of signatures as the server has them.
struct RealPrimitives: SigningPrimitives {
    func code(_ hash: SigningHash, key: [UInt8], _ message: [UInt8]) -> [UInt8]? {
        try? (hash == .sha1 ? MessageAuthentication.sha1 : .sha256).code(key: key, message)
    }

    func areEqual(_ left: [UInt8], _ right: [UInt8]) -> Bool { (try? ConstantTime.areEqual(left, right)) ?? false }

    func encrypt(_ text: [UInt8], key: [UInt8], vector: [UInt8]) -> [UInt8]? {
        try? BlockCipher(key: key).encrypt(text, vector: vector)
    }

    func decrypt(_ text: [UInt8], key: [UInt8], vector: [UInt8]) -> [UInt8]? {
        try? BlockCipher(key: key).decrypt(text, vector: vector)
    }
}

/// Primitives of a machine without the library.
struct NoPrimitives: SigningPrimitives {
    func code(_ hash: SigningHash, key: [UInt8], _ message: [UInt8]) -> [UInt8]? { nil }
    func areEqual(_ left: [UInt8], _ right: [UInt8]) -> Bool { false }
    func encrypt(_ text: [UInt8], key: [UInt8], vector: [UInt8]) -> [UInt8]? { nil }
    func decrypt(_ text: [UInt8], key: [UInt8], vector: [UInt8]) -> [UInt8]? { nil }
}

/// The keys of published vectors, and our own.
enum SigningSamples {
    static func signing(_ dialects: [Configuration.Dialect], keys: [String] = ["first", "second"])
        -> Configuration.Signing
    {
        var signing = Configuration.Signing()
        signing.dialects = dialects
        signing.keys = keys.map { Secret($0) }
        signing.imgproxy.keys = [Secret("746573742d6b6579"), Secret("736563726574")]
        signing.imgproxy.salts = [Secret("746573742d73616c74"), Secret("68656C6C6F")]
        signing.imgproxy.encryptionKey = Secret("1eb5b0e971ad7f45324c1bb15c947cb207c43152fa5c6c7f35c4f36e0c18e0f1")
        return signing
    }
}

/// What becomes of a request: the URL that it asks for, or why there is none.
func outcome(
    _ signing: Configuration.Signing, _ uri: String, seconds: Int64 = 1_600_000_000
) -> Result<String, ImageRequestError> {
    let policy = SigningPolicy(signing, primitives: RealPrimitives())
    let query = uri.firstIndex(of: "?").map { String(uri[uri.index(after: $0)...]) } ?? ""
    let target = RequestTarget(query: query, requestURI: uri)
    return Result { () throws(ImageRequestError) in try policy.image(for: target, at: seconds * 1000).urlText }
}
