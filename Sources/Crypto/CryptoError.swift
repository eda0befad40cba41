/// Why libcrypto gave no result.
public enum CryptoError: Error, Equatable, Sendable {
    /// libcrypto, or a function of it, is not on this machine.
    case unavailable(String)
    /// libcrypto refused to work: it is out of memory, or the algorithm is forbidden where it runs.
    case failed
    /// A key or an initialisation vector of a length that the cipher does not have.
    case keyLength
    /// What was to be decrypted is no whole number of blocks, or does not end in its padding. One case for both, and for
    /// nothing else: whoever tells them apart aloud tells an attacker what is in the blocks.
    case undecipherable
}
