internal import Crypto
public import ProxyCore

/// What signatures need, from libcrypto, which is loaded with the first of them.
public struct LibcryptoPrimitives: SigningPrimitives {
    public init() {}

    /// Makes ready what the first signature would need; nil, or why none can be verified.
    static func prepare() -> String? {
        do { _ = try ConstantTime.areEqual([], []) } catch { return "\(error)" }
        return nil
    }

    public func code(_ hash: SigningHash, key: [UInt8], _ message: [UInt8]) -> [UInt8]? {
        try? (hash == .sha1 ? MessageAuthentication.sha1 : .sha256).code(key: key, message)
    }

    public func areEqual(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        (try? ConstantTime.areEqual(left, right)) ?? false
    }

    public func encrypt(_ text: [UInt8], key: [UInt8], vector: [UInt8]) -> [UInt8]? {
        try? BlockCipher(key: key).encrypt(text, vector: vector)
    }

    public func decrypt(_ text: [UInt8], key: [UInt8], vector: [UInt8]) -> [UInt8]? {
        try? BlockCipher(key: key).decrypt(text, vector: vector)
    }
}
