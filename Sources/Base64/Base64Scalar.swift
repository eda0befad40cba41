/// One group at a time, in plain Swift. It runs where a processor has no kernel, it finishes what every kernel leaves, and
/// it is what the tests hold the kernels against.
enum Base64Scalar {
    static let padding = UInt8(ascii: "=")

    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    /// The field of each byte, 0...63; 255 for what is outside the alphabet.
    static let fields: [UInt8] = {
        var fields = [UInt8](repeating: .max, count: 256)
        for (field, character) in alphabet.enumerated() { fields[Int(character)] = UInt8(field) }
        return fields
    }()

    /// Encodes the bytes from `start` on, padding included, to `output` from `offset` on.
    static func encode(
        _ bytes: Span<UInt8>, from start: Int = 0, into output: inout MutableSpan<UInt8>, at offset: Int = 0
    ) {
        let alphabet = alphabet
        func character(_ field: UInt32) -> UInt8 { alphabet[Int(field & 63)] }

        var from = start
        var to = offset
        while bytes.count - from >= 3 {
            let group = UInt32(bytes[from]) << 16 | UInt32(bytes[from + 1]) << 8 | UInt32(bytes[from + 2])
            output[to] = character(group >> 18)
            output[to + 1] = character(group >> 12)
            output[to + 2] = character(group >> 6)
            output[to + 3] = character(group)
            from += 3
            to += 4
        }
        let left = bytes.count - from
        guard left > 0 else { return }
        let group = UInt32(bytes[from]) << 16 | (left == 2 ? UInt32(bytes[from + 1]) << 8 : 0)
        output[to] = character(group >> 18)
        output[to + 1] = character(group >> 12)
        output[to + 2] = left == 2 ? character(group >> 6) : padding
        output[to + 3] = padding
    }

    /// Decodes whole groups without padding from the front of `text`; returns the characters done, a multiple of 4. It
    /// stops before the first group that holds another byte. `output` may begin where `text` begins.
    @unsafe static func decode(
        _ text: UnsafeBufferPointer<UInt8>, into output: UnsafeMutableBufferPointer<UInt8>
    ) -> Int {
        precondition(output.count >= text.count / 4 * 3, "the output has room for every group")
        let fields = fields
        var from = 0
        var to = 0
        while text.count - from >= 4 {
            let first = unsafe fields[Int(text[from])]
            let second = unsafe fields[Int(text[from + 1])]
            let third = unsafe fields[Int(text[from + 2])]
            let fourth = unsafe fields[Int(text[from + 3])]
            guard first | second | third | fourth < 64 else { break }
            unsafe output[to] = first << 2 | second >> 4
            unsafe output[to + 1] = second << 4 | third >> 2
            unsafe output[to + 2] = third << 6 | fourth
            from += 4
            to += 3
        }
        return from
    }
}
