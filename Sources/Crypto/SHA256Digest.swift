internal import COpenSSL

/// A SHA-256 digest (FIPS 180-4) of bytes that arrive in pieces.
///
/// Not Sendable: one thread at a time. `@safe`: the context is made in `init`, freed in `deinit`, and never handed out.
@safe public final class SHA256Digest {
    /// The bytes of a digest.
    public static let count = 32

    private let library: CryptoLibrary
    private let context: OpaquePointer
    private var isFinished = false

    /// A digest of nothing yet.
    public init() throws(CryptoError) {
        library = try CryptoLibrary.load()
        guard let context = unsafe library.api.pointee.EVP_MD_CTX_new() else { throw .failed }
        guard unsafe library.api.pointee.EVP_DigestInit_ex(context, library.api.pointee.EVP_sha256(), nil) == 1 else {
            unsafe library.api.pointee.EVP_MD_CTX_free(context)
            throw .failed
        }
        unsafe self.context = context
    }

    deinit { unsafe library.api.pointee.EVP_MD_CTX_free(context) }

    /// Takes the next bytes. Not after `finish`.
    public func update(_ bytes: RawSpan) {
        precondition(!isFinished, "a digest that is finished takes no more bytes")
        let code = unsafe bytes.withUnsafeBytes { bytes in
            unsafe library.api.pointee.EVP_DigestUpdate(context, bytes.baseAddress, bytes.count)
        }
        // It fails for a context that was not set up, and this one was.
        precondition(code == 1, "libcrypto takes bytes for a digest that was begun")
    }

    /// The digest of all bytes, 32 of them. Once.
    public func finish() -> [UInt8] {
        precondition(!isFinished, "a digest is finished once")
        isFinished = true
        var digest = [UInt8](repeating: 0, count: Self.count)
        let code = unsafe library.api.pointee.EVP_DigestFinal_ex(context, &digest, nil)
        precondition(code == 1, "libcrypto finishes a digest that was begun")
        return digest
    }

    /// The digest of `bytes`.
    public static func of(_ bytes: RawSpan) throws(CryptoError) -> [UInt8] {
        let digest = try SHA256Digest()
        digest.update(bytes)
        return digest.finish()
    }
}
