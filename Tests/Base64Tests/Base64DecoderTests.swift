import Testing

@testable import Base64

@Suite struct Base64DecoderTests {
    @Test(
        "what is not exactly one text is refused",
        arguments: [
            ("Zg", .truncated), ("Zg=", .truncated), ("Z", .truncated), ("Zm9vY", .truncated), ("Zm9vYg", .truncated),
            ("=", .misplacedPadding), ("====", .misplacedPadding), ("Z===", .misplacedPadding),
            ("Zg=A", .misplacedPadding),
            ("Zg==Zg==", .misplacedPadding), ("Zm8=Zm9v", .misplacedPadding), ("Zg===", .misplacedPadding),
            ("Zm9v=", .misplacedPadding), ("Zm9v====", .misplacedPadding), ("Zg==\n", .invalidByte),
            ("Zh==", .nonzeroTrailingBits), ("Zm9=", .nonzeroTrailingBits), ("Z/==", .nonzeroTrailingBits),
            ("Zm9v\nZm9v", .invalidByte), (" Zm9v", .invalidByte), ("Zm9v ", .invalidByte), ("-_8=", .invalidByte),
            ("Zm9\u{0}", .invalidByte), ("Zm9\u{e9}", .invalidByte), ("Zg==\u{0}", .invalidByte),
            ("Zm\\/v", .invalidByte),
        ] as [(String, Base64Error)])
    func refuses(text: String, error: Base64Error) {
        let text = Array(text.utf8)
        for kernel in kernels {
            #expect(decodeInPlace(text, with: kernel) == .failure(error))
            for cut in text.indices { #expect(decode(text, cutAt: [cut], with: kernel) == .failure(error)) }
        }
    }

    @Test("any two cuts of a text give the same bytes", arguments: [94, 95, 96])
    func cuts(count: Int) {
        var generator = SeededGenerator(seed: 5)
        let plain = generator.bytes(count)
        let encoded = encoding(plain)
        for first in encoded.indices {
            for second in first...encoded.count {
                #expect(decode(encoded, cutAt: [first, second]) == .success(plain))
            }
        }
        #expect(decode(encoded, cutAt: Array(encoded.indices)) == .success(plain))
    }

    @Test("an error is final")
    func errorIsFinal() {
        var decoder = Base64Decoder()
        #expect(throws: Base64Error.invalidByte) { try decodeNext("Zm9-", &decoder) }
        #expect(throws: Base64Error.invalidByte) { try decodeNext("Zm9v", &decoder) }
        #expect(throws: Base64Error.invalidByte) { try decoder.finish() }
    }

    @Test(
        "a text cut short by the old application's chunks is refused",
        arguments: [
            2 * 1_048_576 + 5,  // two chunks, and the joined text is longer than it should be
            1_048_576 + 3,  // the joined text has just the right length, with `==` in its middle
            1_048_576 + 10,
        ])
    func oldApplication(count: Int) {
        var generator = SeededGenerator(seed: 6)
        let plain = generator.bytes(count)
        // It encoded 1 MiB at a time, which is no multiple of 3, and joined the texts.
        var joined: [UInt8] = []
        for start in stride(from: 0, to: count, by: 1_048_576) {
            Base64.encode(plain.span.extracting(start..<min(start + 1_048_576, count)), appendingTo: &joined)
        }
        #expect((joined.count == Base64.encodedLength(count)) == (count == 1_048_579))
        #expect(decodeInPlace(joined) == .failure(.misplacedPadding))
        #expect(
            decode(joined, cutAt: Array(stride(from: 65_536, to: joined.count, by: 65_536)))
                == .failure(.misplacedPadding))
    }

    private func decodeNext(_ text: String, _ decoder: inout Base64Decoder) throws(Base64Error) {
        var bytes = [UInt8](repeating: 0, count: Base64.decodedCapacity(text.utf8.count))
        var output = bytes.mutableSpan
        _ = try decoder.decode(Array(text.utf8).span, into: &output)
    }
}
