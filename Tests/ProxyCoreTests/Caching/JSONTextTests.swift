import ProxyCore
import Testing

@Suite struct JSONTextTests {
    @Test(
        "strings are escaped as node escapes them",
        arguments: [
            ("a/b", #""a/b""#), ("", #""""#),
            // node -e 'console.log(JSON.stringify("\0\b\t\n\v\f\r\x1f \"\\/é😀"))'
            (
                "\u{0}\u{8}\t\n\u{b}\u{c}\r\u{1f} \"\\/\u{e9}\u{1f600}",
                "\"\\u0000\\b\\t\\n\\u000b\\f\\r\\u001f \\\"\\\\/\u{e9}\u{1f600}\""
            ),
            ("\u{7f}\u{80}\u{2028}", "\"\u{7f}\u{80}\u{2028}\""),
        ])
    func strings(string: String, json: String) { #expect(text(.string(string)) == json) }

    @Test(
        "numbers, and what JSON has no number for",
        arguments: [
            (.integer(.min), "-9223372036854775808"), (.number(0.1), "0.1"), (.number(1_000), "1000"),
            (.number(-0.5), "-0.5"),
            (.number(.nan), "null"), (.number(-.infinity), "null"), (.number(1e300), "1e+300"), (.null, "null"),
            (.boolean(true), "true"), (.boolean(false), "false"),
        ] as [(JSONScalar, String)])
    func scalars(scalar: JSONScalar, json: String) { #expect(text(scalar) == json) }

    @Test("commas stand between members and elements, and nowhere else")
    func structure() {
        var text = JSONText()
        text.object { object in
            object.name("a")
            object.array { array in
                array.value(.integer(1))
                array.object { _ in }
                array.array { $0.value(.null) }
            }
            object.member("b", .string("c"))
            object.name("d")
            object.object { $0.member("e", .boolean(true)) }
        }
        #expect(text.string == #"{"a":[1,{},[null]],"b":"c","d":{"e":true}}"#)
    }

    @Test("every character comes back through the scanner")
    func roundTrip() throws {
        let string = String(String.UnicodeScalarView((0...0x2fff).compactMap(UnicodeScalar.init))) + "\u{10ffff}"
        var text = JSONText()
        text.value(.string(string))
        var scanner = JSONScanner()
        guard case .string(let token) = try scanner.next(in: text.bytes.span) else {
            return #expect(Bool(false), "no string")
        }
        #expect(token.string(in: text.bytes.span) == string)
    }

    private func text(_ value: JSONScalar) -> String {
        var text = JSONText()
        text.value(value)
        return text.string
    }
}
