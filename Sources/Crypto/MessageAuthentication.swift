internal import COpenSSL

/// HMAC (RFC 2104) over one of the hashes that signed URLs use.
public enum MessageAuthentication: Sendable, CaseIterable {
    /// HMAC-SHA1, 20 bytes. What broke SHA-1 does not break this (RFC 6151, 2.3 says so of the weaker MD5); it is here for
    /// URLs that others have signed.
    case sha1
    /// HMAC-SHA256, 32 bytes.
    case sha256

    /// The bytes of a code.
    public var count: Int {
        switch self {
        case .sha1: 20
        case .sha256: 32
        }
    }

    /// The code of `message` under `key`, which may have any length.
    public func code(key: RawSpan, _ message: RawSpan) throws(CryptoError) -> [UInt8] {
        let library = try CryptoLibrary.load()
        let function = unsafe self == .sha1 ? library.api.pointee.EVP_sha1() : library.api.pointee.EVP_sha256()
        var code = [UInt8](repeating: 0, count: count)
        guard let keyCount = Int32(exactly: key.byteCount) else { throw .keyLength }
        let isMade = unsafe key.withUnsafeBytes { key in
            unsafe message.withUnsafeBytes { message in
                // To libcrypto a null pointer is not an empty key but none: it would go on with an earlier one, or fail.
                unsafe withUnsafePointer(to: 0 as UInt8) { none in
                    let bytes = unsafe message.baseAddress?.assumingMemoryBound(to: UInt8.self)
                    return unsafe library.api.pointee.HMAC(
                        function, key.baseAddress ?? UnsafeRawPointer(none), keyCount, bytes, message.count, &code, nil)
                        != nil
                }
            }
        }
        guard isMade else { throw .failed }
        return code
    }

    /// The same for bytes that the caller owns.
    public func code(key: [UInt8], _ message: [UInt8]) throws(CryptoError) -> [UInt8] {
        try code(key: RawSpan(_elements: key.span), RawSpan(_elements: message.span))
    }
}
