import Testing

@testable import ProxyCore

@Suite struct Base64URLTests {
    @Test(
        "RFC 4648, 10, without padding",
        arguments: [
            ("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foob", "Zm9vYg"), ("fooba", "Zm9vYmE"),
            ("foobar", "Zm9vYmFy"),
        ])
    func vectors(_ text: String, _ encoded: String) {
        #expect(Base64URL.encode(Array(text.utf8)) == encoded)
        #expect(Base64URL.decode(Array(encoded.utf8)) == Array(text.utf8))
        #expect(Base64URL.length(text.utf8.count) == encoded.utf8.count)
    }

    @Test func theLastTwoCharacters() {
        #expect(Base64URL.encode([0xfb, 0xff]) == "-_8")
        #expect(Base64URL.decode(Array("-_8".utf8)) == [0xfb, 0xff])
    }

    @Test(
        "one spelling for each", arguments: ["Z", "Zg=", "Zg==", "Zh", "Zm9", "+/8", "Zm 9v", "Zm9v\n", "Zm9vY", "é"])
    func refuses(_ text: String) { #expect(Base64URL.decode(Array(text.utf8)) == nil) }

    @Test(
        "padding may be left out or be right",
        arguments: [
            ("Zg==", true), ("Zg", true), ("Zg=", false), ("Zg===", false), ("Zm9v", true), ("Zm9v====", false),
        ])
    func padding(_ text: String, _ isRight: Bool) {
        #expect((Base64URL.decodePadded(Array(text.utf8)[...]) != nil) == isRight)
    }

    @Test("hexadecimal", arguments: ["0", "0g", "00 ", "é"]) func hexadecimal(_ text: String) {
        #expect(Hexadecimal.decode(Array(text.utf8)) == nil)
        #expect(Hexadecimal.decode(Array("00fFaA".utf8)) == [0, 0xff, 0xaa])
        #expect(Hexadecimal.encode([0, 0xff, 0x1a]) == "00ff1a")
    }
}
