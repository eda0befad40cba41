import Testing

@testable import ProxyCore

private let plainRecord = ImageRecord(
    contentType: "image/png", size: 7, cachedAt: 1_700_000_000_000, expiresAt: 1_700_086_400_000)

/// node -e 'console.log(JSON.stringify({data:Buffer.from("foobar!").toString("base64"),contentType:"image/png",size:7,
///   cachedAt:1700000000000,expiresAt:1700086400000}))'
private let plainValue =
    #"{"data":"Zm9vYmFyIQ==","contentType":"image/png","size":7,"cachedAt":1700000000000,"expiresAt":1700086400000}"#

private func changed(_ part: String, _ replacement: String) -> String {
    plainValue.split(separator: part, maxSplits: 1, omittingEmptySubsequences: false).joined(separator: replacement)
}

private func written(_ record: ImageRecord, text: String) -> [UInt8] {
    ImageRecord.opening + Array(text.utf8) + record.closing()
}

@Suite struct ImageRecordTests {
    @Test("it is written as node writes it")
    func writes() {
        #expect(written(plainRecord, text: "Zm9vYmFyIQ==") == Array(plainValue.utf8))
        #expect(plainRecord.encodedLength() == plainValue.utf8.count)
    }

    @Test("fields of our own follow the five, and come back")
    func extraFields() throws {
        var record = plainRecord
        record.extra = [
            JSONField("etag", .string("\"a\\b\u{1}\u{e9}\n\"")), JSONField("ratio", .number(0.1)),
            JSONField("no", .null),
            JSONField("age", .integer(-1)), JSONField("yes", .boolean(true)),
        ]
        let value = written(record, text: "Zm9vYmFyIQ==")
        #expect(record.encodedLength() == value.count)
        #expect(
            String(decoding: value, as: UTF8.self).hasSuffix(
                #""etag":"\"a\\b\u0001é\n\"","ratio":0.1,"no":null,"age":-1,"yes":true}"#))
        #expect(record[extra: "age"] == .integer(-1))
        #expect(try ImageRecord.parse(value.span).record == record)
        #expect(ImageRecord.parse(tail: value.span, length: value.count)?.record == record)
    }

    @Test("what node wrote is read, both ways")
    func reads() throws {
        let value = Array(plainValue.utf8)
        let expected = ImageRecord.Located(record: plainRecord, content: .text(9..<21))
        #expect(try ImageRecord.parse(value.span) == expected)
        #expect(try ImageRecord.locate(in: value.span) == expected)
        #expect(ImageRecord.parse(tail: value.span, length: value.count) == expected)
    }

    @Test("a large value is read from its end alone", arguments: [300, 301, 302, 100_000])
    func readsTail(size: Int) throws {
        let record = ImageRecord(contentType: "image/svg+xml", size: size, cachedAt: 1, expiresAt: 2)
        let text = String(repeating: "A", count: ImageRecord.textLength(ofSize: size))
        let value = written(record, text: text)
        let expected = ImageRecord.Located(record: record, content: .text(9..<(9 + text.utf8.count)))
        for tailLength in [record.closing().count, 200, 512, value.count] where tailLength <= value.count {
            #expect(ImageRecord.parse(tail: value.span.extracting(last: tailLength), length: value.count) == expected)
        }
        #expect(
            ImageRecord.parse(tail: value.span.extracting(last: record.closing().count - 1), length: value.count) == nil
        )
        #expect(ImageRecord.parse(tail: value.span, length: value.count - 1) == nil)
        #expect(try ImageRecord.parse(value.span) == expected)
        #expect(try ImageRecord.locate(in: value.span) == expected)
    }

    @Test(
        "other layouts of the same record are read",
        arguments: [
            // JSON.stringify(record, null, 2) of node, with other members around ours.
            """
            {
              "cachedAt": 1700000000000,
              "expiresAt": 1700086400000,
              "size": 7,
              "nested": {
                "a": [
                  1,
                  {
                    "b": "}\\"]"
                  }
                ],
                "data": "x"
              },
              "contentType": "image/png",
              "data": "Zm9vYmFyIQ=="
            }
            """,
            #"{"data":"Zm9vYmFyIQ==","contentType":"image\/png","size":7.0,"cachedAt":1.7e12,"expiresAt":17000864e5}"#,
            #"{"data":"no","size":"7","data":"Zm9vYmFyIQ==","contentType":"image/png","size":7,"cachedAt":1700000000000,"expiresAt":1700086400000}"#,
            #"{"\u0064ata":"Zm9vYmFyIQ==","contentType":"image/png","siz\u0065":7,"cachedAt":1700000000000,"expiresAt":1700086400000}"#,
            #"{"data":"Zm9vYmFyIQ==","x":[[[{}]]],"contentType":"image/png","size":7,"cachedAt":1700000000000,"expiresAt":1700086400000,"\ud800":{},"y":"\ud800"}"#,
            "\t{ \"data\" : \"Zm9vYmFyIQ==\" , \"contentType\":\"image/png\",\"size\":7,\"cachedAt\":1700000000000,\r\n\"expiresAt\":1700086400000 } ",
        ])
    func otherLayouts(value: String) throws {
        let bytes = Array(value.utf8)
        let located = try ImageRecord.parse(bytes.span)
        #expect(located.record == plainRecord)
        guard case .text(let range) = located.content else { return #expect(Bool(false), "the data has no escapes") }
        #expect(bytes[range] == Array("Zm9vYmFyIQ==".utf8)[...])
        #expect(try ImageRecord.locate(in: bytes.span) == located)
    }

    /// Records of `size` bytes in layouts that are not ours, with what is known of them.
    private func foreignLayouts(size: Int) -> [String] {
        let text = String(repeating: "/", count: ImageRecord.textLength(ofSize: size))
        let escaped = text.replacing("/", with: #"\/"#)
        let members = #""contentType": "image/png", "size": \#(size), "cachedAt": 3, "expiresAt": 4"#
        return [
            #"{"data": "\#(text)", \#(members)}"#, #"{\#(members), "data": "\#(text)"}"#,
            #" {"a":[1,{}],"data":"\#(escaped)",\#(members),"b":"c"} "#,
            #"{"data":"\#(text.replacing("/", with: #"\u002f"#))",\#(members)}"#,
        ]
    }

    @Test("any layout is known from both ends", arguments: [1, 300, 2_000, 100_000], 0..<4)
    func bothEnds(size: Int, layout: Int) {
        let value = Array(foreignLayouts(size: size)[layout].utf8)
        for length in [400, 401, 402, 403, 404, 405, ImageRecord.tailLength, value.count] {
            let (head, tail) = (Array(value.prefix(length)), Array(value.suffix(length)))
            let record = ImageRecord.parse(head: head, tail: tail, length: value.count)
            #expect(record?.size == size)
            #expect(record?.cachedAt == 3)
        }
    }

    @Test(
        "what does not fit together from both ends is none",
        arguments: [
            (#"{"data": "AAAA", "contentType": "image/png", "size": 7, "cachedAt": 3, "expiresAt": 4}"#, 4),
            (#"{"data": "", "contentType": "image/png", "size": 3, "cachedAt": 3, "expiresAt": 4}"#, 2_000),
            (#"{"x": "", "data": "", "contentType": "image/png", "size": 1500, "cachedAt": 3, "expiresAt": 4}"#, 2_000),
            (#"{"data": "", "contentType": "image/png", "size": 1500, "cachedAt": 3}"#, 2_000), ("", 0), ("", 2_000),
        ])
    func notBothEnds(start: String, filling: Int) {
        // What fills it stands in its first string.
        let filled = String(repeating: "A", count: filling)
        let text = start.replacing("\": \"", with: "\": \"" + filled, maxReplacements: 1)
        let value = Array((start.isEmpty ? filled : text).utf8)
        let (head, tail) = (Array(value.prefix(400)), Array(value.suffix(400)))
        #expect(ImageRecord.parse(head: head, tail: tail, length: value.count) == nil)
    }

    @Test("data with JSON escapes is unescaped", arguments: [#"+\/+\/Pw=="#, #"\u002b\/\u002B\u002fPw\u003d="#])
    func escapedData(data: String) throws {
        let value = Array(#"{"data":"\#(data)","contentType":"image/png","size":4,"cachedAt":1,"expiresAt":2}"#.utf8)
        #expect(try ImageRecord.parse(value.span).content == .unescaped(Array("+/+/Pw==".utf8)))
        #expect(try ImageRecord.locate(in: value.span).content == .unescaped(Array("+/+/Pw==".utf8)))
        #expect(ImageRecord.parse(tail: value.span, length: value.count) == nil)
    }

    @Test(
        "what is no record says why",
        arguments: [
            ("", .notJSON), ("{", .notJSON), (#"{"data":"Zm9v""#, .notJSON), ("{}}", .notJSON), ("nope", .notJSON),
            ("null", .notAnObject), ("[]", .notAnObject), ("\"x\"", .notAnObject), ("7", .notAnObject),
            ("{}", .missingField),
            (changed(#","size":7"#, ""), .missingField), (changed(#""data""#, #""date""#), .missingField),
            (changed(#","expiresAt":1700086400000"#, ""), .missingField),
            (changed(#""image/png""#, "null"), .wrongType),
            (changed(#""image/png""#, "[]"), .wrongType), (changed(#""image/png""#, #""\ud800""#), .wrongType),
            (changed(#""Zm9vYmFyIQ==""#, "{}"), .wrongType), (changed(#""Zm9vYmFyIQ==""#, #""\ud800""#), .wrongType),
            (changed(":7,", #":"7","#), .wrongType), (changed(":7,", ":7.5,"), .wrongType),
            (changed(":7,", ":1e99,"), .wrongType),
            (changed(":7,", ":99999999999999999999,"), .wrongType), (changed(":7,", ":-7,"), .sizeOutOfRange),
            (changed(":7,", ":0,"), .sizeOutOfRange), (changed(":7,", ":9223372036854775807,"), .sizeOutOfRange),
            (changed(":7,", ":9007199254740992,"), .sizeOutOfRange),
            (changed(":7,", ":9007199254740991,"), .sizeMismatch),
            (changed(":7,", ":6,"), .sizeMismatch), (changed(":7,", ":10,"), .sizeMismatch),
            (changed("Zm9vYmFyIQ==", "Zm9vYmFyIQ="), .sizeMismatch), (changed("Zm9vYmFyIQ==", ""), .sizeMismatch),
            (changed("image/png", ""), .invalidContentType),
            (changed("image/png", "image/png\\r\\nX: y"), .invalidContentType),
            (changed("image/png", "image/\u{e9}"), .invalidContentType),
            (changed("image/png", " image/png"), .invalidContentType),
            (changed("image/png", String(repeating: "x", count: 256)), .invalidContentType),
            (changed("1700000000000", "-1"), .timeOutOfRange),
            (changed("1700086400000", "8640000000000001"), .timeOutOfRange),
            (changed("1700000000000", "null"), .wrongType), (changed("1700000000000", "1e20"), .wrongType),
        ] as [(String, RecordError)])
    func refuses(value: String, reason: RecordError) {
        let bytes = Array(value.utf8)
        #expect(throws: reason) { try ImageRecord.parse(bytes.span) }
        #expect(throws: reason) { try ImageRecord.locate(in: bytes.span) }
        #expect(ImageRecord.parse(tail: bytes.span, length: bytes.count) == nil)
    }

    @Test(
        "the neighbours of those limits are read",
        arguments: [
            changed("1700086400000", "8640000000000000"), changed("1700000000000", "0"),
            changed("image/png", String(repeating: "x", count: 255)), changed(":7,", ":7.0e0,"),
        ])
    func accepts(value: String) throws {
        let bytes = Array(value.utf8)
        #expect(try ImageRecord.parse(bytes.span) == ImageRecord.parse(tail: bytes.span, length: bytes.count))
    }

    @Test("a value cut at any byte is none, and a record's end alone is none either")
    func cut() {
        let value = Array(plainValue.utf8)
        for end in value.indices {
            let cut = Array(value[..<end])
            #expect(throws: RecordError.notJSON) { try ImageRecord.parse(cut.span) }
            #expect(ImageRecord.parse(tail: cut.span, length: cut.count) == nil)
            #expect(ImageRecord.parse(tail: cut.span.extracting(last: 40), length: cut.count) == nil)
        }
    }

    @Test("a record of the old application that looks whole has the right length, so its text must be decoded to know")
    func oldApplication() throws {
        // 1048576 bytes encode to 1398104 characters, two of them padding; 3 more bytes to 4 more.
        let text = String(repeating: "A", count: 1_398_102) + "==AAAA"
        let record = ImageRecord(contentType: "image/png", size: 1_048_579, cachedAt: 1, expiresAt: 2)
        let value = written(record, text: text)
        #expect(
            try ImageRecord.parse(value.span)
                == ImageRecord.parse(tail: value.span.extracting(last: 512), length: value.count))
        // Any longer image is seen by its length alone.
        var longer = record
        longer.size = 1_048_586
        let longerValue = written(longer, text: String(repeating: "A", count: 1_398_102) + "==AAAAAAAAAAAAAA==")
        #expect(throws: RecordError.sizeMismatch) { try ImageRecord.parse(longerValue.span) }
    }

    @Test(
        "hostile values are refused in linear time",
        arguments: [
            String(repeating: "[", count: 100_000), #"{"a":"# + String(repeating: "[", count: 100_000),
            String(repeating: #"{"a":"#, count: 100_000), "{" + String(repeating: #""\u0061":0,"#, count: 50_000),
            "{" + (0..<20_000).map { #""k\#($0)":0"# }.joined(separator: ",") + "}",
            #"{"data":""# + String(repeating: #"\u0041"#, count: 100_000),
            #"{"size":"# + String(repeating: "9", count: 200_000) + "}", String(repeating: "\u{0}", count: 100_000),
            String(repeating: "\"", count: 100_001), String(repeating: " ", count: 200_000),
        ])
    func hostile(value: String) {
        let bytes = Array(value.utf8)
        #expect(throws: RecordError.self) { try ImageRecord.parse(bytes.span) }
        #expect(throws: RecordError.self) { try ImageRecord.locate(in: bytes.span) }
        #expect(ImageRecord.parse(tail: bytes.span.extracting(last: 512), length: bytes.count) == nil)
    }

    @Test("of many unknown fields a few are kept, of a repeated one the last value")
    func boundedExtra() throws {
        let many = (0..<100).map { #","k\#($0)":\#($0)"# }.joined()
        let located = try ImageRecord.parse(
            Array(changed("}", #"\#(many),"k0":"last","k1":[],"k2":"\#(String(repeating: "x", count: 9_000))"}"#).utf8)
                .span)
        #expect(located.record.extra.count == 30)
        #expect(located.record[extra: "k0"] == .string("last"))
        #expect(located.record[extra: "k1"] == nil)
        #expect(located.record[extra: "k2"] == nil)
        #expect(located.record[extra: "k31"] == .integer(31))
        #expect(located.record[extra: "k32"] == nil)
    }
}

@Suite struct RawRecordTests {
    private static let bytes = Array("foobar!".utf8)
    private static let value =
        #"foobar!{"contentType":"image/png","size":7,"cachedAt":1700000000000,"expiresAt":1700086400000}"#
        + "00000057imgraw1\n"

    @Test func writes() {
        let value = Self.bytes + plainRecord.closing(.raw)
        #expect(String(decoding: value, as: UTF8.self) == Self.value)
        #expect(plainRecord.encodedLength(.raw) == value.count)
    }

    @Test("it is read from its end, or whole", arguments: [0, 1, 7, 16 << 10])
    func reads(_ more: Int) throws {
        let size = 7 + more
        var record = plainRecord
        record.size = size
        record.extra = [JSONField("etag", .string("\"a\""))]
        let value = Array(repeating: 0x7B, count: size) + record.closing(.raw)
        let expected = ImageRecord.Located(record: record, content: .bytes(0..<size))
        #expect(try ImageRecord.locate(in: value.span) == expected)
        for length in [record.closing(.raw).count, ImageRecord.tailLength, value.count] where length <= value.count {
            #expect(ImageRecord.parse(tail: value.span.extracting(last: length), length: value.count) == expected)
        }
        let tooShort = value.span.extracting(last: record.closing(.raw).count - 1)
        #expect(ImageRecord.parse(tail: tooShort, length: value.count) == nil)
    }

    @Test("white space makes it as long as what it replaces", arguments: Configuration.Cache.Format.allCases)
    func fillsUp(_ format: ImageRecord.Format) throws {
        let least = plainRecord.closing(format).count
        for length in [0, least, least + 1, least + 200] {
            let closing = plainRecord.closing(format, atLeast: length)
            #expect(closing.count == max(length, least))
            let content = format == .raw ? Self.bytes : ImageRecord.opening + Array("Zm9vYmFyIQ==".utf8)
            let value = content + closing
            #expect(try ImageRecord.locate(in: value.span).record == plainRecord)
            #expect(ImageRecord.parse(tail: value.span, length: value.count)?.record == plainRecord)
        }
    }

    static let damaged = [
        ("foobar!", "foobar"), ("foobar!", "foobar!!"), ("00000057", "00000058"), ("00000057", "00000056"),
        ("00000057", "ffffffff"), ("00000057", "0000005G"), ("00000057", "-0000058"), ("image/png", "image/p\n"),
        (#""size":7"#, #""size":-7"#), ("}000", "]000"), ("{", "["),
    ]

    @Test("damage", arguments: damaged) func damage(_ part: String, _ replacement: String) {
        let value = Array(
            Self.value.split(separator: part, maxSplits: 1, omittingEmptySubsequences: false)
                .joined(separator: replacement).utf8)
        #expect(throws: RecordError.self) { try ImageRecord.locate(in: value.span) }
        #expect(ImageRecord.parse(tail: value.span, length: value.count) == nil)
    }

    @Test("what is cut anywhere is none") func cut() {
        let value = Array(Self.value.utf8)
        for count in 0..<value.count {
            #expect(throws: RecordError.self) { try ImageRecord.locate(in: value.span.extracting(first: count)) }
        }
    }
}
