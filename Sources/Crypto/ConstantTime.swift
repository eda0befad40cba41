internal import COpenSSL

/// Comparison of what an attacker guesses at.
public enum ConstantTime {
    /// Whether both hold the same bytes. The time depends on their count alone, not on where they differ.
    public static func areEqual(_ left: RawSpan, _ right: RawSpan) throws(CryptoError) -> Bool {
        let library = try CryptoLibrary.load()
        guard left.byteCount == right.byteCount else { return false }
        guard left.byteCount > 0 else { return true }
        return unsafe left.withUnsafeBytes { left in
            unsafe right.withUnsafeBytes { right in
                unsafe library.api.pointee.CRYPTO_memcmp(left.baseAddress, right.baseAddress, left.count) == 0
            }
        }
    }

    /// The same for bytes that the caller owns.
    public static func areEqual(_ left: [UInt8], _ right: [UInt8]) throws(CryptoError) -> Bool {
        try areEqual(RawSpan(_elements: left.span), RawSpan(_elements: right.span))
    }
}
