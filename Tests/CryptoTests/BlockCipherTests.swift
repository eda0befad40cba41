import Crypto
import Testing

/// AES-CBC against the vectors of NIST SP 800-38A, F.2, whose texts have no padding: the block of padding is cut off here.
@Suite struct BlockCipherTests {
    static let text = bytes("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51")
    static let vector = bytes("000102030405060708090a0b0c0d0e0f")
    static let vectors = [
        ("2b7e151628aed2a6abf7158809cf4f3c", "7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b2"),
        (
            "8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b",
            "4f021db243bc633d7178183a9fa071e8b4d9ada9ad7dedf4e5e738763f69145a"
        ),
        (
            "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
            "f58c4c04d6e5f1ba779eabfb5f7bfbd69cfc4e967edb808d679f777bc6702c7d"
        ),
    ]

    @Test("NIST SP 800-38A", arguments: vectors) func knownAnswers(_ key: String, _ expected: String) throws {
        let cipher = try BlockCipher(key: bytes(key))
        let encrypted = try cipher.encrypt(Self.text, vector: Self.vector)
        #expect(hexadecimal(Array(encrypted.prefix(32))) == expected)
        #expect(encrypted.count == 48)
        #expect(try cipher.decrypt(encrypted, vector: Self.vector) == Self.text)
    }

    /// Which puts the vector before it, and writes both in base64.
    @Test func theSourceThatTheDocumentationOfImgproxyEncrypts() throws {
        let cipher = try BlockCipher(key: bytes("1eb5b0e971ad7f45324c1bb15c947cb207c43152fa5c6c7f35c4f36e0c18e0f1"))
        let vector = bytes("a79563a2b35d86cee6451c3c800f535a")
        let url = Array("http://example.com/images/curiosity.jpg".utf8)
        let encrypted = try cipher.encrypt(url, vector: vector)
        #expect(
            hexadecimal(encrypted)
                == "846519c8b797592ecea378dd442545a448434aad04a5b7a8500122cc7e651cff"
                + "71573c8954d86e1b0db313412f504769")
        #expect(try cipher.decrypt(encrypted, vector: vector) == url)
    }

    @Test("every length comes back", arguments: 0...48) func roundTrip(_ count: Int) throws {
        let cipher = try BlockCipher(key: [UInt8](repeating: 7, count: 32))
        let text = [UInt8](repeating: 0x5a, count: count)
        let encrypted = try cipher.encrypt(text, vector: Self.vector)
        #expect(encrypted.count == count / 16 * 16 + 16)
        #expect(try cipher.decrypt(encrypted, vector: Self.vector) == text)
    }

    @Test func whatIsNotWholeOrNotPaddedIsRefused() throws {
        let cipher = try BlockCipher(key: [UInt8](repeating: 7, count: 16))
        let encrypted = try cipher.encrypt(Array("a text".utf8), vector: Self.vector)
        for broken in [[], Array(encrypted.dropLast()), encrypted + [0], [UInt8](repeating: 1, count: 16)] {
            #expect(throws: CryptoError.undecipherable) { try cipher.decrypt(broken, vector: Self.vector) }
        }
    }

    @Test("keys of other lengths are none", arguments: [0, 15, 17, 31, 33, 64]) func keyLengths(_ count: Int) {
        #expect(throws: CryptoError.keyLength) { try BlockCipher(key: [UInt8](repeating: 0, count: count)) }
    }

    @Test("so are vectors", arguments: [0, 15, 17]) func vectorLengths(_ count: Int) throws {
        let cipher = try BlockCipher(key: [UInt8](repeating: 0, count: 16))
        #expect(throws: CryptoError.keyLength) {
            try cipher.decrypt([UInt8](repeating: 0, count: 16), vector: [UInt8](repeating: 0, count: count))
        }
    }
}
