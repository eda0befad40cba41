import Crypto
import Testing

/// Digests and codes against the vectors of FIPS 180-4, RFC 4231 and RFC 2202.
@Suite struct DigestTests {
    @Test(
        "SHA-256",
        arguments: [
            ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            (
                "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
                "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
            ),
        ])
    func digest(_ text: String, _ expected: String) throws {
        let bytes = Array(text.utf8)
        #expect(hexadecimal(try SHA256Digest.of(RawSpan(_elements: bytes.span))) == expected)
    }

    @Test("the digest does not depend on how the bytes were cut", arguments: [1, 3, 63, 64, 65, 1000])
    func pieces(_ size: Int) throws {
        let bytes = [UInt8](repeating: UInt8(ascii: "a"), count: 10_000)
        let digest = try SHA256Digest()
        for start in stride(from: 0, to: bytes.count, by: size) {
            let piece = Array(bytes[start..<min(start + size, bytes.count)])
            digest.update(RawSpan(_elements: piece.span))
        }
        #expect(digest.finish() == (try SHA256Digest.of(RawSpan(_elements: bytes.span))))
    }

    @Test func twoDigestsAtOnceAreIndependent() throws {
        let (first, second) = (try SHA256Digest(), try SHA256Digest())
        let bytes = Array("abc".utf8)
        first.update(RawSpan(_elements: bytes.span))
        #expect(hexadecimal(second.finish()).hasPrefix("e3b0c442"))
        #expect(hexadecimal(first.finish()).hasPrefix("ba7816bf"))
    }

    @Test(
        "HMAC-SHA256, RFC 4231",
        arguments: [
            (
                [UInt8](repeating: 0x0b, count: 20), Array("Hi There".utf8),
                "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
            ),
            (
                Array("Jefe".utf8), Array("what do ya want for nothing?".utf8),
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
            ),
            (
                [UInt8](repeating: 0xaa, count: 131),
                Array("Test Using Larger Than Block-Size Key - Hash Key First".utf8),
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
            ),
        ])
    func hmacSHA256(_ key: [UInt8], _ message: [UInt8], _ expected: String) throws {
        #expect(hexadecimal(try MessageAuthentication.sha256.code(key: key, message)) == expected)
    }

    @Test(
        "HMAC-SHA1, RFC 2202",
        arguments: [
            (
                [UInt8](repeating: 0x0b, count: 20), Array("Hi There".utf8), "b617318655057264e28bc0b6fb378c8ef146be00"
            ),
            (
                Array("Jefe".utf8), Array("what do ya want for nothing?".utf8),
                "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"
            ),
            (
                [UInt8](repeating: 0xaa, count: 80),
                Array("Test Using Larger Than Block-Size Key - Hash Key First".utf8),
                "aa4ae5e15272d00e95705637ce8a3b55ed402112"
            ),
        ])
    func hmacSHA1(_ key: [UInt8], _ message: [UInt8], _ expected: String) throws {
        #expect(hexadecimal(try MessageAuthentication.sha1.code(key: key, message)) == expected)
    }

    @Test func nothingCanBeSignedWithNothing() throws {
        let code = try MessageAuthentication.sha256.code(key: [], [])
        #expect(hexadecimal(code) == "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad")
        #expect(code == (try MessageAuthentication.sha256.code(key: [], [])), "no key of an earlier call is left over")
    }

    @Test func comparison() throws {
        #expect(try ConstantTime.areEqual([], []))
        #expect(try ConstantTime.areEqual([1, 2, 3], [1, 2, 3]))
        #expect(try !ConstantTime.areEqual([1, 2, 3], [1, 2, 4]))
        #expect(try !ConstantTime.areEqual([0, 2, 3], [1, 2, 3]))
        #expect(try !ConstantTime.areEqual([1, 2], [1, 2, 3]))
        #expect(try !ConstantTime.areEqual([], [0]))
    }

    @Test func manyThreadsLoadOneLibrary() async throws {
        try await withThrowingTaskGroup(of: [UInt8].self) { group in
            for _ in 0..<16 { group.addTask { try MessageAuthentication.sha256.code(key: [1], [2]) } }
            var codes: Set<[UInt8]> = []
            for try await code in group { codes.insert(code) }
            #expect(codes.count == 1)
        }
    }
}
