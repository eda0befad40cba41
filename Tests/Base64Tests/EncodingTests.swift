import Testing

@testable import Base64

@Suite struct EncodingTests {
    @Test(
        "texts of RFC 4648, section 10, and of node",
        arguments: [
            ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
            (
                "The quick brown fox jumps over the lazy dog, twice",
                "VGhlIHF1aWNrIGJyb3duIGZveCBqdW1wcyBvdmVyIHRoZSBsYXp5IGRvZywgdHdpY2U="
            ),
        ])
    func encodesAndDecodes(plain: String, encoded: String) {
        for kernel in kernels {
            #expect(encode(Array(plain.utf8), with: kernel) == Array(encoded.utf8))
            #expect(decodeInPlace(Array(encoded.utf8), with: kernel) == .success(Array(plain.utf8)))
            #expect(decode(Array(encoded.utf8), with: kernel) == .success(Array(plain.utf8)))
        }
    }

    @Test("every character of the alphabet, by every kernel", arguments: kernels)
    func alphabet(kernel: Base64Kernel) {
        // node -e 'console.log(Buffer.from([...Array(256).keys()]).toString("base64"))'
        let node =
            "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+P0BBQkNERUZHSElKS0xN"
            + "Tk9QUVJTVFVWV1hZWltcXV5fYGFiY2RlZmdoaWprbG1ub3BxcnN0dXZ3eHl6e3x9fn+AgYKDhIWGh4iJiouMjY6PkJGSk5SVlpeYmZqb"
            + "nJ2en6ChoqOkpaanqKmqq6ytrq+wsbKztLW2t7i5uru8vb6/wMHCw8TFxsfIycrLzM3Oz9DR0tPU1dbX2Nna29zd3t/g4eLj5OXm5+jp"
            + "6uvs7e7v8PHy8/T19vf4+fr7/P3+/w=="
        #expect(encode(Array(0...255), with: kernel) == Array(node.utf8))
        #expect(decodeInPlace(Array(node.utf8), with: kernel) == .success(Array(0...255)))
    }

    @Test("the best kernel is one that can run, and on arm64 the vector kernel")
    func dispatch() {
        #expect(kernels.contains(.best))
        #expect(kernels.contains(.scalar))
        #if arch(arm64)
            #expect(Base64Kernel.best == .neon)
        #endif
    }

    @Test("encoding appends behind what is there")
    func appends() {
        var output = Array("{\"data\":\"".utf8)
        Base64.encode(Array("foob".utf8).span, appendingTo: &output)
        Base64.encode(Span(), appendingTo: &output)
        #expect(output == Array("{\"data\":\"Zm9vYg==".utf8))
    }

    @Test("decoding in place touches nothing outside its range")
    func decodesWithinRange() throws {
        var buffer = Array("<Zm9vYg==>".utf8)
        var span = buffer.mutableSpan
        #expect(try Base64.decode(inPlace: &span, 1..<9) == 4)
        #expect(buffer.prefix(5) == Array("<foob".utf8)[...])
        #expect(buffer.last == UInt8(ascii: ">"))
    }

    @Test("texts of pieces of a multiple of three bytes join into one valid text")
    func joins() {
        var generator = SeededGenerator(seed: 1)
        let bytes = generator.bytes(3 * 480 + 2)
        var joined: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: 480) {
            Base64.encode(bytes.span.extracting(start..<min(start + 480, bytes.count)), appendingTo: &joined)
        }
        #expect(decodeInPlace(joined) == .success(bytes))
    }
}
