internal import COpenSSL

/// AES in CBC mode with the padding of PKCS #7 (NIST SP 800-38A, 6.2; RFC 5652, 6.3).
///
/// It hides a text and vouches for nothing: what is decrypted has to be authenticated first, or whoever may ask often
/// enough reads it by its padding errors.
public struct BlockCipher: Sendable {
    /// The bytes of a block, and of an initialisation vector.
    public static let blockSize = 16

    private let key: [UInt8]

    /// A cipher with a key of 16, 24 or 32 bytes: AES-128, AES-192 or AES-256.
    public init(key: [UInt8]) throws(CryptoError) {
        guard [16, 24, 32].contains(key.count) else { throw .keyLength }
        self.key = key
    }

    /// What `encrypt` was given.
    public func decrypt(_ text: [UInt8], vector: [UInt8]) throws(CryptoError) -> [UInt8] {
        guard !text.isEmpty, text.count % Self.blockSize == 0 else { throw .undecipherable }
        guard let bytes = try run(text, vector: vector, encrypts: false) else { throw .undecipherable }
        return bytes
    }

    /// `text` in whole blocks, padded. Each text needs a vector of its own that nobody can foresee.
    public func encrypt(_ text: [UInt8], vector: [UInt8]) throws(CryptoError) -> [UInt8] {
        guard let bytes = try run(text, vector: vector, encrypts: true) else { throw .failed }
        return bytes
    }

    /// Nil when the last block does not end in its padding.
    private func run(_ input: [UInt8], vector: [UInt8], encrypts: Bool) throws(CryptoError) -> [UInt8]? {
        guard vector.count == Self.blockSize else { throw .keyLength }
        guard let inputCount = Int32(exactly: input.count) else { throw .failed }
        let context = try CipherContext()
        let api = unsafe context.library.api
        let isSetUp = unsafe api.pointee.EVP_CipherInit_ex(
            context.context, algorithm(api), nil, key, vector, encrypts ? 1 : 0)
        var output = [UInt8](repeating: 0, count: input.count + Self.blockSize)
        var count: Int32 = 0
        guard isSetUp == 1,
            unsafe api.pointee.EVP_CipherUpdate(context.context, &output, &count, input, inputCount) == 1
        else { throw .failed }
        var lastCount: Int32 = 0
        let start = Int(count)
        let isComplete = unsafe output.withUnsafeMutableBufferPointer { output in
            unsafe api.pointee.EVP_CipherFinal_ex(
                context.context, output.baseAddress.map { unsafe $0 + start }, &lastCount)
        }
        guard isComplete == 1 else { return nil }
        return Array(output[..<(start + Int(lastCount))])
    }

    @unsafe private func algorithm(_ api: UnsafePointer<crypto_api>) -> OpaquePointer? {
        switch key.count {
        case 16: unsafe api.pointee.EVP_aes_128_cbc()
        case 24: unsafe api.pointee.EVP_aes_192_cbc()
        default: unsafe api.pointee.EVP_aes_256_cbc()
        }
    }
}

/// One cipher context. `@safe`: made in `init`, freed in `deinit`, which also wipes the key in it.
@safe private final class CipherContext {
    let library: CryptoLibrary
    let context: OpaquePointer

    init() throws(CryptoError) {
        library = try CryptoLibrary.load()
        guard let context = unsafe library.api.pointee.EVP_CIPHER_CTX_new() else { throw .failed }
        unsafe self.context = context
    }

    deinit { unsafe library.api.pointee.EVP_CIPHER_CTX_free(context) }
}
