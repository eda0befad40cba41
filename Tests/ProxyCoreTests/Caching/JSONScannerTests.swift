import ProxyCore
import Testing

@Suite struct JSONScannerTests {
    @Test(
        "what JSON.parse of node accepts is accepted",
        arguments: [
            "{}", "[]", "0", "-0", "\"\"", "null", "true", "false", " \t\r\n[ ] ", "[1,2]", "[[],{}]", #"{"":0}"#,
            "1e3", "1E+3",
            "1.5e-3", "0.0", "-1.0", "123456789012345678901234567890", #""\"\\\/\b\f\n\r\tAé""#, #""\ud83d\ude00""#,
            #""\ud800""#,
            #""\udc00\ud800""#, "\"\u{7f}\u{e9}\u{2028}\u{1f600}\"", #"{"a":{"b":[{"c":[[]]}]},"a":1}"#,
        ])
    func accepts(text: String) throws { _ = try tokens(Array(text.utf8)) }

    @Test(
        "what JSON.parse of node refuses is refused",
        arguments: [
            ("", .truncated), (" ", .truncated), ("[", .truncated), ("{", .truncated), ("[1", .truncated),
            ("[1,", .truncated),
            ("{\"a\"", .truncated), ("{\"a\":", .truncated), ("{\"a\":1", .truncated), ("\"", .truncated),
            ("\"\\", .truncated),
            ("\"\\u12", .truncated), ("tru", .truncated), ("-", .truncated), ("1.", .truncated), ("1e", .truncated),
            ("1e+", .truncated), ("[1,]", .malformed), ("{\"a\":1,}", .malformed), ("[,1]", .malformed),
            ("{,}", .malformed),
            ("[1 2]", .malformed), ("{\"a\" 1}", .malformed), ("{1:2}", .malformed), ("{\"a\":}", .malformed),
            ("[}", .malformed),
            ("{]", .malformed), ("[1}", .malformed), ("{\"a\":1]", .malformed), ("]", .malformed), ("1 1", .malformed),
            ("[]]", .malformed), ("{}{", .malformed), ("01", .malformed), ("+1", .malformed), (".5", .malformed),
            ("1.e3", .malformed), ("--1", .malformed), ("0x10", .malformed), ("NaN", .malformed),
            ("Infinity", .malformed),
            ("nul1", .malformed), ("nullx", .malformed), ("'a'", .malformed), ("\"\n\"", .malformed),
            ("\"\u{0}\"", .malformed),
            ("\"\\x\"", .malformed), ("\"\\u12g4\"", .malformed), ("\"\\'\"", .malformed), ("\u{feff}1", .malformed),
            ("[1]//", .malformed), ("\u{0}", .malformed),
        ] as [(String, JSONError)])
    func refuses(text: String, error: JSONError) { #expect(throws: error) { try tokens(Array(text.utf8)) } }

    @Test(
        "strings that are not UTF-8 are refused, wherever they are",
        arguments: [
            [0x80], [0xc0, 0x80], [0xc3], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xff], [0xe2, 0x82],
        ] as [[UInt8]])
    func refusesInvalidUTF8(bytes: [UInt8]) {
        let quote = [UInt8(ascii: "\"")]
        #expect(throws: JSONError.invalidUTF8) { try tokens(quote + bytes + quote) }
        #expect(throws: JSONError.invalidUTF8) { try tokens(Array("{\"".utf8) + bytes + Array("\":0}".utf8)) }
        #expect(throws: JSONError.malformed) { try tokens(bytes) }
    }

    @Test("tokens come in order, with their places")
    func order() throws {
        let text = Array(#" {"a" : [1, true], "b\n":"x"} "#.utf8)
        let names = try tokens(text).map { token in
            switch token {
            case .name(let string): "name " + (string.string(in: text.span) ?? "")
            case .string(let string): "string " + (string.string(in: text.span) ?? "")
            case .number(let number): "number \(number.range)"
            default: "\(token)"
            }
        }
        #expect(
            names == [
                "objectStart", "name a", "arrayStart", "number 9..<10", "boolean(true)", "arrayEnd", "name b\n",
                "string x",
                "objectEnd", "end",
            ])
    }

    @Test("nesting is bounded", arguments: [(64, true), (65, false), (100_000, false)])
    func nesting(depth: Int, isAccepted: Bool) {
        for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
            let inner = open == "[" ? "" : "1"
            let text = String(repeating: open, count: depth) + inner + String(repeating: close, count: depth)
            if isAccepted {
                #expect(throws: Never.self) { try tokens(Array(text.utf8)) }
            } else {
                #expect(throws: JSONError.tooDeep) { try tokens(Array(text.utf8)) }
            }
        }
    }

    @Test("after the text's end there is nothing but the end")
    func afterTheEnd() throws {
        let text = Array("1".utf8)
        var scanner = JSONScanner()
        _ = try scanner.next(in: text.span)
        #expect(try scanner.next(in: text.span) == .end)
        #expect(try scanner.next(in: text.span) == .end)
    }

    @Test(
        "escapes mean what they mean to node",
        arguments: [
            (#"a\/b"#, "a/b"), (#"\"\\\b\f\n\r\t"#, "\"\\\u{8}\u{c}\n\r\t"),
            (#"\u0041\u00e9\u20AC"#, "A\u{e9}\u{20ac}"),
            (#"\ud83d\ude00!"#, "\u{1f600}!"), (#"\uDBFF\uDFFF"#, "\u{10ffff}"), (#"\ud800"#, nil), (#"\udc00"#, nil),
            (#"\ud83dx"#, nil), (#"\ud83d\n"#, nil), (#"\ud83d\u0041"#, nil), (#"\ude00\ud83d"#, nil),
            (#"\ud83d\ud83d\ude00"#, nil),
            (#"\u0000"#, "\u{0}"), ("\u{e9}\u{1f600}", "\u{e9}\u{1f600}"), ("", ""),
        ] as [(String, String?)])
    func strings(escaped: String, meant: String?) throws {
        let text = Array("\"\(escaped)\"".utf8)
        guard case .string(let string) = try tokens(text).first else { return #expect(Bool(false), "no string") }
        #expect(string.string(in: text.span) == meant)
        #expect(string.bytes(in: text.span) == meant.map { Array($0.utf8) })
        let equalsMeant = string.equals(meant ?? "\u{fffd}", in: text.span)
        let equalsOther = string.equals((meant ?? "") + "x", in: text.span)
        #expect(equalsMeant == (meant != nil))
        #expect(!equalsOther)
    }

    @Test(
        "numbers that are whole are integers in any form",
        arguments: [
            ("0", 0), ("-0", 0), ("-0.0", 0), ("12345", 12_345), ("1.0", 1), ("1e3", 1_000), ("1E+3", 1_000),
            ("1000e-3", 1),
            ("1.7e12", 1_700_000_000_000), ("-1", -1), ("9223372036854775807", .max), ("-9223372036854775808", .min),
            ("9223372036854775808", nil), ("-9223372036854775809", nil), ("1e19", nil), ("1e999", nil), ("0.5", nil),
            ("1e-3", nil),
            ("99999999999999999999999999999", nil), ("1e99999999999999999999", nil),
        ] as [(String, Int64?)])
    func integers(number: String, value: Int64?) throws {
        let text = Array(number.utf8)
        guard case .number(let number) = try tokens(text).first else { return #expect(Bool(false), "no number") }
        #expect(number.integer(in: text.span) == value)
    }

    @Test("a number of absurd length is not converted")
    func longNumbers() throws {
        let text = Array("1.\(String(repeating: "0", count: 100_000))".utf8)
        guard case .number(let number) = try tokens(text).first else { return #expect(Bool(false), "no number") }
        #expect(number.double(in: text.span) == nil)
        #expect(number.integer(in: text.span) == nil)
    }

    private func tokens(_ text: [UInt8]) throws(JSONError) -> [JSONToken] {
        var scanner = JSONScanner()
        var tokens: [JSONToken] = []
        while tokens.last != .end { tokens.append(try scanner.next(in: text.span)) }
        return tokens
    }
}
