/// Decodes one base64 text that arrives in pieces of any size.
///
/// The text as a whole must be what `Base64.encode` writes for some bytes, and nothing else: no byte is ever skipped, so what
/// decodes is the very image that was encoded. The result, and the error, do not depend on where the pieces were cut.
public struct Base64Decoder: Sendable {
    private let kernel: Base64Kernel
    /// The fields of a group whose other characters have not come yet, 6 bits each, the first highest.
    private var group: UInt32 = 0
    private var groupCount = 0
    private var paddingCount = 0
    private var failure: Base64Error?

    /// A decoder at the beginning of a text.
    public init() { self.init(kernel: .best) }

    init(kernel: Base64Kernel) { self.kernel = kernel }

    /// Decodes the next piece to the front of `output`, which has room for `Base64.decodedCapacity` bytes; returns how many
    /// bytes came of it. After an error every further call throws that error again.
    public mutating func decode(
        _ text: Span<UInt8>, into output: inout MutableSpan<UInt8>
    ) throws(Base64Error) -> Int {
        try unsafe output.withUnsafeMutableBufferPointer { output throws(Base64Error) in
            try unsafe text.withUnsafeBufferPointer { text throws(Base64Error) in
                try unsafe decode(text, into: output)
            }
        }
    }

    /// Says that the text has ended; throws when it must not end here.
    public mutating func finish() throws(Base64Error) {
        if let failure { throw failure }
        if groupCount > 0 { throw fail(.truncated) }
    }

    /// Decodes the next piece. `output` may begin where `text` begins if no group is open, as none is at the beginning:
    /// what is written then never passes what is read.
    @unsafe mutating func decode(
        _ text: UnsafeBufferPointer<UInt8>, into output: UnsafeMutableBufferPointer<UInt8>
    ) throws(Base64Error) -> Int {
        precondition(
            output.count >= (groupCount + text.count) / 4 * 3, "the output has room for what the text decodes to")
        if let failure { throw failure }
        var from = 0
        var to = 0
        while groupCount > 0, from < text.count {
            to += try unsafe take(text[from], into: output, at: to)
            from += 1
        }
        if paddingCount == 0 {
            let done = unsafe decodeGroups(
                UnsafeBufferPointer(rebasing: text[from...]),
                into: UnsafeMutableBufferPointer(rebasing: output[to...]))
            from += done
            to += done / 4 * 3
        }
        // What is left is the beginning of a group, a padded group, or an error.
        while from < text.count {
            to += try unsafe take(text[from], into: output, at: to)
            from += 1
        }
        return to
    }

    /// Decodes groups without padding for as long as there are any; returns the characters done, a multiple of 4.
    @unsafe private func decodeGroups(
        _ text: UnsafeBufferPointer<UInt8>, into output: UnsafeMutableBufferPointer<UInt8>
    ) -> Int {
        let done = unsafe kernel.decode(text, into: output)
        return unsafe done
            + Base64Scalar.decode(
                UnsafeBufferPointer(rebasing: text[done...]),
                into: UnsafeMutableBufferPointer(rebasing: output[(done / 4 * 3)...]))
    }

    /// Takes one character into the open group; returns how many bytes it completed.
    @unsafe private mutating func take(
        _ character: UInt8, into output: UnsafeMutableBufferPointer<UInt8>, at position: Int
    ) throws(Base64Error) -> Int {
        if character == Base64Scalar.padding {
            guard groupCount >= 2 else { throw fail(.misplacedPadding) }
            paddingCount += 1
            group <<= 6
        } else {
            let field = Base64Scalar.fields[Int(character)]
            guard field < 64 else { throw fail(.invalidByte) }
            guard paddingCount == 0 else { throw fail(.misplacedPadding) }
            group = group << 6 | UInt32(field)
        }
        groupCount += 1
        guard groupCount == 4 else { return 0 }

        let count = 3 - paddingCount
        guard group & (1 << (8 * UInt32(paddingCount)) - 1) == 0 else { throw fail(.nonzeroTrailingBits) }
        for index in 0..<count {
            unsafe output[position + index] = UInt8(truncatingIfNeeded: group >> (16 - 8 * UInt32(index)))
        }
        group = 0
        groupCount = 0
        return count
    }

    private mutating func fail(_ error: Base64Error) -> Base64Error {
        failure = error
        return error
    }
}
