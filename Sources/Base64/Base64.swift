/// Base64 as RFC 4648, section 4, defines it: the standard alphabet, padding at the end, nothing else tolerated.
public enum Base64 {
    /// The characters that `count` bytes encode to, padding included.
    public static func encodedLength(_ count: Int) -> Int {
        (count / 3 + (count % 3 == 0 ? 0 : 1)) * 4
    }

    /// The most bytes that one piece of `count` characters can decode to, with what earlier pieces left over.
    public static func decodedCapacity(_ count: Int) -> Int {
        (count / 4 + (count % 4 == 0 ? 0 : 1)) * 3
    }

    /// Encodes all of `bytes` to `output` from `offset` on, where there is room for `encodedLength`; returns that length.
    ///
    /// Texts of pieces join into one valid text when every piece but the last is a multiple of 3 bytes.
    public static func encode(_ bytes: Span<UInt8>, into output: inout MutableSpan<UInt8>, at offset: Int = 0) -> Int {
        encode(bytes, into: &output, at: offset, with: .best)
    }

    /// Encodes all of `bytes` behind what `output` holds.
    public static func encode(_ bytes: Span<UInt8>, appendingTo output: inout [UInt8]) {
        let offset = output.count
        output.append(contentsOf: repeatElement(0, count: encodedLength(bytes.count)))
        var whole = output.mutableSpan
        _ = encode(bytes, into: &whole, at: offset)
    }

    /// Decodes the whole text in `buffer[range]` to the front of that range; returns the count of bytes.
    ///
    /// What lies behind that count, within the range, is undefined afterwards; when it throws, so is the whole range.
    public static func decode(
        inPlace buffer: inout MutableSpan<UInt8>, _ range: Range<Int>
    ) throws(Base64Error) -> Int {
        try decode(inPlace: &buffer, range, with: .best)
    }

    static func encode(
        _ bytes: Span<UInt8>, into output: inout MutableSpan<UInt8>, at offset: Int, with kernel: Base64Kernel
    ) -> Int {
        let length = encodedLength(bytes.count)
        precondition(offset >= 0 && output.count - offset >= length, "the output has room for the whole text")
        let done = kernel.encode(bytes, into: &output, at: offset)
        Base64Scalar.encode(bytes, from: done, into: &output, at: offset + done / 3 * 4)
        return length
    }

    static func decode(
        inPlace buffer: inout MutableSpan<UInt8>, _ range: Range<Int>, with kernel: Base64Kernel
    ) throws(Base64Error) -> Int {
        precondition(range.lowerBound >= 0 && range.upperBound <= buffer.count, "the text lies within the buffer")
        var decoder = Base64Decoder(kernel: kernel)
        let count = try unsafe buffer.withUnsafeMutableBufferPointer { buffer throws(Base64Error) in
            let text = unsafe UnsafeMutableBufferPointer(rebasing: buffer[range])
            return try unsafe decoder.decode(UnsafeBufferPointer(text), into: text)
        }
        try decoder.finish()
        return count
    }
}

/// Why a text is not base64.
public enum Base64Error: Error, Equatable, Sendable {
    /// A byte that is neither in the alphabet nor `=`; white space and the URL alphabet are such bytes.
    case invalidByte
    /// `=` anywhere but in the last one or two places, or anything behind it.
    case misplacedPadding
    /// The bits that padding leaves unused are not zero (RFC 4648, section 3.5): two texts would mean the same bytes.
    case nonzeroTrailingBits
    /// The text ends within a group of four characters.
    case truncated
}
