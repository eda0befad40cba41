/// What signatures need of a cryptographic library. Nil is a library that is not there, or input that has no result.
public protocol SigningPrimitives: Sendable {
    /// HMAC (RFC 2104) of `message`: 20 bytes with SHA-1, 32 with SHA-256.
    func code(_ hash: SigningHash, key: [UInt8], _ message: [UInt8]) -> [UInt8]?
    /// Whether both are the same, in a time that does not tell where they differ.
    func areEqual(_ left: [UInt8], _ right: [UInt8]) -> Bool
    /// AES-CBC with PKCS #7 padding; the length of the key says which AES.
    func encrypt(_ text: [UInt8], key: [UInt8], vector: [UInt8]) -> [UInt8]?
    /// The way back.
    func decrypt(_ text: [UInt8], key: [UInt8], vector: [UInt8]) -> [UInt8]?
}

/// The hash inside a signature.
public enum SigningHash: Sendable, Hashable {
    case sha1, sha256

    /// The bytes of a signature.
    public var signatureLength: Int {
        switch self {
        case .sha1: 20
        case .sha256: 32
        }
    }
}
