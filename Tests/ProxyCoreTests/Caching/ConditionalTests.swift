import ProxyCore
import Testing

@Suite struct ConditionalTests {
    private static let modified = "Sun, 06 Nov 1994 08:49:37 GMT"

    /// The stored representation has the strong tag `"a"`, or the weak tag `W/"a"`, and was modified at `modified`.
    static let table: [(ifNoneMatch: String?, ifModifiedSince: String?, isNotModified: Bool)] = [
        (nil, nil, false), ("\"a\"", nil, true), ("W/\"a\"", nil, true), ("\"b\"", nil, false), ("*", nil, true),
        (" * ", nil, true), ("\"b\", \"a\"", nil, true), ("\"b\",W/\"a\"", nil, true), (",, \"a\" ,", nil, true),
        ("\"b\", *", nil, false), ("\"*\"", nil, false), ("", nil, false), ("a", nil, false), ("\"a", nil, false),
        ("w/\"a\"", nil, false), ("\"b, \"a\"", nil, false), ("\"x\\\", \"a\"", nil, true),
        ("\"\(String(repeating: "x", count: 200))\", \"a\"", nil, true),
        ("\"a\"" + String(repeating: " ", count: 4093), nil, true),
        ("\"a\"" + String(repeating: " ", count: 4094), nil, false),
        (nil, modified, true), (nil, "Sun, 06 Nov 1994 08:49:36 GMT", false),
        (nil, "Sun, 06 Nov 1994 08:49:38 GMT", true), (nil, "Thu, 18 Aug 2050 02:01:18 GMT", true),
        (nil, "Sunday, 06-Nov-94 08:49:37 GMT", true), (nil, "Sunday, 06-Nov-93 08:49:37 GMT", false),
        (nil, "Sun Nov  6 08:49:37 1994", true), (nil, "0", false), (nil, "", false),
        (nil, modified + "; length=5", false),
        // RFC 9110, 13.2.2: If-None-Match decides alone.
        ("\"b\"", modified, false), ("\"a\"", "Sun, 06 Nov 1994 08:49:36 GMT", true), ("", modified, false),
    ]

    @Test("whether the client's copy is the representation", arguments: table)
    func conditions(_ ifNoneMatch: String?, _ ifModifiedSince: String?, _ isNotModified: Bool) {
        for tag in ["\"a\"", "W/\"a\""] {
            let validators = Validators(etag: EntityTag(tag), lastModified: 784_111_777)
            #expect(
                Conditional.isNotModified(
                    ifNoneMatch: ifNoneMatch, ifModifiedSince: ifModifiedSince, validators) == isNotModified)
        }
    }

    @Test func withoutValidatorsOnlyTheStarMatches() {
        let validators = Validators()
        #expect(Conditional.isNotModified(ifNoneMatch: "*", ifModifiedSince: nil, validators))
        #expect(!Conditional.isNotModified(ifNoneMatch: "\"\"", ifModifiedSince: nil, validators))
        #expect(!Conditional.isNotModified(ifNoneMatch: nil, ifModifiedSince: Self.modified, validators))
    }
}

@Suite struct RangeRequestTests {
    /// Of a representation of 10 bytes.
    static let table: [(range: String?, RangeRequest)] = [
        (nil, .whole), ("bytes=0-4", .part(0..<5)), ("bytes=5-", .part(5..<10)), ("bytes=-3", .part(7..<10)),
        ("bytes=0-0", .part(0..<1)), ("bytes=9-9", .part(9..<10)), ("bytes=9-", .part(9..<10)),
        ("bytes=0-9", .part(0..<10)), ("bytes=0-10", .part(0..<10)), ("bytes=0-", .part(0..<10)),
        ("bytes=-10", .part(0..<10)), ("bytes=-11", .part(0..<10)), ("bytes=-1", .part(9..<10)),
        ("BYTES=1-2", .part(1..<3)), (" bytes=1-2 ", .part(1..<3)), ("bytes= 1-2", .part(1..<3)),
        ("bytes=001-002", .part(1..<3)), ("bytes=10-", .unsatisfiable), ("bytes=10-10", .unsatisfiable),
        ("bytes=-0", .unsatisfiable), ("bytes=11-12", .unsatisfiable),
        ("bytes=0-99999999999999999999999999", .part(0..<10)), ("bytes=9-9223372036854775807", .part(9..<10)),
        ("bytes=9223372036854775807-", .unsatisfiable), ("bytes=99999999999999999999999999-", .unsatisfiable),
        ("bytes=99999999999999999999-99999999999999999999", .unsatisfiable),
        ("bytes=-99999999999999999999999999", .part(0..<10)), ("bytes=-9223372036854775807", .part(0..<10)),
        ("bytes=4-3", .whole), ("bytes=99-98", .whole), ("bytes=0-1,3-4", .whole), ("bytes=0-1,", .whole),
        ("bytes=", .whole), ("bytes=-", .whole), ("bytes", .whole), ("", .whole), ("=", .whole), ("=0-1", .whole),
        ("items=0-1", .whole), ("bytes =0-1", .whole), ("bytes=a-b", .whole), ("bytes=0x1-2", .whole),
        ("bytes=+1-2", .whole), ("bytes=1", .whole), ("bytes=1-2-3", .whole), ("bytes=--1", .whole),
        ("bytes=1- 2", .whole), ("bytes=1.0-2", .whole), ("bytes=\u{0661}-2", .whole), ("bytes=0-1\u{0}", .whole),
        ("bytes=1--2", .whole), ("bytes=0-1;x", .whole), ("bytes:0-1", .whole),
    ]

    @Test("one range of bytes", arguments: table) func ranges(_ range: String?, _ expected: RangeRequest) {
        #expect(RangeRequest.evaluate(range: range, ifRange: nil, size: 10, Validators()) == expected)
    }

    @Test(
        "sizes",
        arguments: [
            (1, "bytes=0-", RangeRequest.part(0..<1)), (1, "bytes=1-", .unsatisfiable), (1, "bytes=-5", .part(0..<1)),
            (0, "bytes=0-", .whole), (0, "bytes=-1", .whole), (-1, "bytes=0-", .whole),
            (.max, "bytes=-9223372036854775808", .part(0..<Int.max)), (.max, "bytes=1-", .part(1..<Int.max)),
            (.max, "bytes=9223372036854775806-9223372036854775807", .part(Int.max - 1..<Int.max)),
        ])
    func sizes(_ size: Int, _ range: String, _ expected: RangeRequest) {
        #expect(RangeRequest.evaluate(range: range, ifRange: nil, size: size, Validators()) == expected)
    }

    static let ifRangeTable: [(stored: String?, ifRange: String, isPart: Bool)] = [
        ("\"a\"", "\"a\"", true), ("\"a\"", "\"b\"", false), ("W/\"a\"", "W/\"a\"", false), ("\"a\"", "W/\"a\"", false),
        ("W/\"a\"", "\"a\"", false), (nil, "\"a\"", false), ("\"a\"", "\"a\", \"b\"", false), ("\"a\"", "\"a", false),
        ("\"a\"", "Sun, 06 Nov 1994 08:49:37 GMT", true), (nil, "Sun, 06 Nov 1994 08:49:37 GMT", true),
        (nil, "Sunday, 06-Nov-94 08:49:37 GMT", true), (nil, "Sun, 06 Nov 1994 08:49:36 GMT", false),
        (nil, "Sun, 06 Nov 1994 08:49:38 GMT", false), (nil, "", false), (nil, "a", false), (nil, "*", false),
    ]

    @Test("a part only of the same representation", arguments: ifRangeTable)
    func ifRange(_ etag: String?, _ ifRange: String, _ isPart: Bool) {
        let validators = Validators(etag: etag.flatMap { EntityTag($0) }, lastModified: 784_111_777)
        let request = RangeRequest.evaluate(range: "bytes=0-4", ifRange: ifRange, size: 10, validators)
        #expect(request == (isPart ? .part(0..<5) : .whole))
        // What cannot be satisfied is only known of the same representation.
        let beyond = RangeRequest.evaluate(range: "bytes=10-", ifRange: ifRange, size: 10, validators)
        #expect(beyond == (isPart ? .unsatisfiable : .whole))
        #expect(RangeRequest.evaluate(range: nil, ifRange: ifRange, size: 10, validators) == .whole)
    }

    @Test func aDateIsNothingWithoutLastModified() {
        let date = "Sun, 06 Nov 1994 08:49:37 GMT"
        #expect(RangeRequest.evaluate(range: "bytes=0-4", ifRange: date, size: 10, Validators()) == .whole)
        // No date on either side is no match.
        #expect(RangeRequest.evaluate(range: "bytes=0-4", ifRange: "x", size: 10, Validators()) == .whole)
    }
}
