internal import CBase64

/// The code that does the middle of a text. Which one runs changes the speed, never the result.
enum Base64Kernel: Int32, CaseIterable {
    case scalar = 0
    case ssse3 = 1
    case avx2 = 2
    case neon = 3
    /// With the byte permutations of AVX-512 VBMI.
    case avx512 = 4

    /// The fastest that this processor can run; asked once.
    static let best = [avx512, avx2, neon, ssse3].first(where: \.isSupported) ?? .scalar

    var isSupported: Bool { self == .scalar || cbase64_supports(rawValue) != 0 }

    /// Encodes whole groups from the front of `bytes` to `output` from `offset` on, where there is room for the text of all
    /// `bytes`; returns the bytes done, a multiple of 3.
    func encode(_ bytes: Span<UInt8>, into output: inout MutableSpan<UInt8>, at offset: Int) -> Int {
        unsafe output.withUnsafeMutableBufferPointer { output in
            unsafe bytes.withUnsafeBufferPointer { bytes in
                let output = unsafe UnsafeMutableBufferPointer(rebasing: output[offset...])
                guard let from = bytes.baseAddress, let to = output.baseAddress else { return 0 }
                return unsafe cbase64_encode(rawValue, from, bytes.count, to, output.count)
            }
        }
    }

    /// Decodes whole groups from the front of `text`; returns the characters done, a multiple of 4. It stops at or before
    /// the first byte outside the alphabet. `output` may begin where `text` begins.
    @unsafe func decode(_ text: UnsafeBufferPointer<UInt8>, into output: UnsafeMutableBufferPointer<UInt8>) -> Int {
        guard let from = text.baseAddress, let to = output.baseAddress else { return 0 }
        return unsafe cbase64_decode(rawValue, from, text.count, to, output.count)
    }
}
