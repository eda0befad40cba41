import Testing

@testable import ProxyCore

private let start: Int64 = 1_700_000_000_000

@Suite struct StoredResponseTests {
    private let response = StoredResponse(
        generatedAt: start, freshUntil: start + 60_000, staleWhileRevalidate: 10, staleIfError: 30)

    static let useTable: [(milliseconds: Int64, StoredResponse.Use)] = [
        (0, .fresh), (59_999, .fresh), (60_000, .staleWhileRevalidate), (69_999, .staleWhileRevalidate),
        (70_000, .staleIfError), (89_999, .staleIfError), (90_000, .unusable), (.max - start, .unusable),
        // A clock may be a minute behind that of the host which stored the response.
        (-60_000, .fresh), (-60_001, .staleWhileRevalidate), (.min, .staleWhileRevalidate),
    ]

    @Test("how it may be used as time goes by", arguments: useTable)
    func uses(_ milliseconds: Int64, _ use: StoredResponse.Use) {
        #expect(response.use(at: start + milliseconds) == use)
    }

    static let windowTable: [(swr: Int, sie: Int, late: Int64, StoredResponse.Use)] = [
        (0, 0, 0, .unusable), (0, 0, -1, .unusable), (0, 1, 0, .staleIfError), (0, 1, 1000, .unusable),
        (1, 0, 0, .staleWhileRevalidate), (1, 0, 1000, .unusable), (2, 1, 1999, .staleWhileRevalidate),
        (2, 1, 2000, .unusable), (-5, -5, 0, .unusable), (.min, .min, 0, .unusable), (0, .max, 1 << 61, .staleIfError),
        (.max, 0, 1 << 61, .staleWhileRevalidate),
    ]

    @Test("windows for stale use", arguments: windowTable)
    func windows(_ swr: Int, _ sie: Int, _ late: Int64, _ use: StoredResponse.Use) {
        let response = StoredResponse(
            generatedAt: start, freshUntil: start, staleWhileRevalidate: swr, staleIfError: sie)
        #expect(response.use(at: start + late) == use)
    }

    @Test func aResponseFromTheFutureIsNotFreshForYears() {
        let year: Int64 = 365 * 86_400_000
        let response = StoredResponse(generatedAt: start + year, freshUntil: start + year + 60_000)
        #expect(response.use(at: start) == .unusable)
        #expect(response.freshnessLeft(at: start) == 0)
        #expect(response.age(at: start) == 0)
        #expect(response.use(at: start + year) == .fresh)
    }

    static let secondTable: [(milliseconds: Int64, age: Int, left: Int)] = [
        (0, 0, 60), (1, 0, 59), (999, 0, 59), (1000, 1, 59), (59_999, 59, 0), (60_000, 60, 0), (60_001, 60, -1),
        (61_000, 61, -1), (61_001, 61, -2), (-1, 0, 60), (-60_000, 0, 120), (-60_001, 0, 0),
        (.max - start, 1 << 31, -(1 << 31)), (.min, 0, 0),
    ]

    @Test("seconds of age, and those that are left", arguments: secondTable)
    func seconds(_ milliseconds: Int64, _ age: Int, _ left: Int) {
        #expect(response.age(at: start + milliseconds) == age)
        #expect(response.freshnessLeft(at: start + milliseconds) == left)
    }

    @Test func timesThatMakeNoSenseDoNotTrap() {
        let times: [Int64] = [.min, -1, 0, start, .max]
        for (generatedAt, freshUntil) in times.flatMap({ one in times.map { (one, $0) } }) {
            let response = StoredResponse(
                validators: Validators(lastModified: .max), generatedAt: generatedAt, freshUntil: freshUntil,
                staleWhileRevalidate: .max, staleIfError: .min)
            #expect(response.retainedUntil >= freshUntil)
            for now in times {
                #expect(0...(1 << 31) ~= response.age(at: now))
                #expect(response.freshnessLeft(at: now) <= 0 || response.use(at: now) == .fresh)
            }
            _ = response.extra
        }
    }

    static let retentionTable: [(swr: Int, sie: Int, lifetime: Int64, hasTag: Bool, expected: Int64)] = [
        (10, 30, 60_000, false, 90_000), (30, 10, 60_000, false, 90_000), (0, 0, 60_000, false, 60_000),
        (0, 0, 0, false, 0), (0, 0, 0, true, 3_600_000), (10, 30, 60_000, true, 3_600_000),
        (0, 0, 3_600_001, true, 3_600_001), (0, 3600, 60_000, true, 3_660_000), (-1, -1, 60_000, false, 60_000),
    ]

    @Test("when the cache may forget it", arguments: retentionTable)
    func retention(_ swr: Int, _ sie: Int, _ lifetime: Int64, _ hasTag: Bool, _ expected: Int64) {
        let response = StoredResponse(
            validators: Validators(etag: hasTag ? EntityTag("\"a\"") : nil), generatedAt: start,
            freshUntil: start + lifetime, staleWhileRevalidate: swr, staleIfError: sie)
        #expect(response.retainedUntil == start + expected)
    }
}

@Suite struct StoredResponseRecordTests {
    private func record(_ extra: [JSONField]) -> ImageRecord {
        ImageRecord(
            contentType: "image/png", size: 7, cachedAt: start, expiresAt: start + 86_400_000, extra: extra)
    }

    @Test func aRecordWithoutOurFieldsIsFreshAndThenUnusable() {
        let response = StoredResponse(record([]))
        #expect(response == StoredResponse(generatedAt: start, freshUntil: start + 86_400_000))
        #expect(response.age(at: start + 5000) == 5)
        #expect(response.use(at: start + 86_400_000) == .unusable)
    }

    static let responses = [
        StoredResponse(generatedAt: start - 1, freshUntil: start + 86_400_000),
        StoredResponse(
            validators: Validators(etag: EntityTag("W/\"a\\b\""), lastModified: -1), generatedAt: 0,
            freshUntil: start + 86_400_000, staleWhileRevalidate: 1, staleIfError: 1 << 31),
        // RFC 9110, 8.8.3: a tag may be empty.
        StoredResponse(
            validators: Validators(etag: EntityTag("\"\"")), generatedAt: start, freshUntil: start + 86_400_000),
        StoredResponse(
            validators: Validators(etag: EntityTag("\"a\""), isOwnTag: true), generatedAt: start,
            freshUntil: start + 86_400_000),
        StoredResponse(
            validators: Validators(lastModified: 784_111_777), generatedAt: start, freshUntil: start + 86_400_000,
            staleIfError: 5),
        StoredResponse(
            validators: Validators(etag: EntityTag("\"a\"")), generatedAt: start, freshUntil: start + 86_400_000,
            mustRevalidate: true),
    ]

    @Test("it comes back from its record, through JSON", arguments: responses)
    func roundTrip(_ response: StoredResponse) throws {
        #expect(StoredResponse(record(response.extra)) == response)
        let value = ImageRecord.opening + Array("Zm9vYmFyIQ==".utf8) + record(response.extra).closing()
        #expect(StoredResponse(try ImageRecord.parse(value.span).record) == response)
    }

    static let nonsense: [JSONField] = [
        JSONField("etag", .string("no tag")), JSONField("etag", .string("\"a\r\nX: y\"")),
        JSONField("etag", .integer(1)),
        JSONField("etag", .string("\"a\"")), JSONField("weakEtag", .integer(1)), JSONField("contentTag", .string(" ")),
        JSONField("etag", .null), JSONField("lastModified", .integer(253_402_300_800)),
        JSONField("lastModified", .integer(.min)), JSONField("lastModified", .string("Sun, 06 Nov 1994 08:49:37 GMT")),
        JSONField("generatedAt", .integer(-1)), JSONField("generatedAt", .integer(.max)),
        JSONField("generatedAt", .string("1")), JSONField("generatedAt", .number(1.5)), JSONField("swr", .integer(-1)),
        JSONField("swr", .integer(1 << 31 + 1)), JSONField("swr", .boolean(true)), JSONField("sie", .integer(.max)),
        JSONField("sie", .integer(.min)), JSONField("sie", .number(.infinity)), JSONField("ETag", .string("\"a\"")),
        JSONField("mustRevalidate", .string("true")), JSONField("mustRevalidate", .integer(1)),
    ]

    @Test("a field that makes no sense is ignored", arguments: nonsense) func ignores(_ field: JSONField) {
        #expect(StoredResponse(record([field])) == StoredResponse(record([])))
    }

    @Test("the record's end stays within what is read of it", arguments: ["x", "\\"])
    func length(_ character: String) throws {
        let tag = try #require(EntityTag("W/\"\(String(repeating: character, count: 128))\""))
        let response = StoredResponse(
            validators: Validators(etag: tag, lastModified: HTTPDate.range.lowerBound),
            generatedAt: 8_640_000_000_000_000, freshUntil: start, staleWhileRevalidate: 1 << 31,
            staleIfError: 1 << 31)
        var closing = record(response.extra)
        closing.size = 1 << 52
        let withoutExtra = record([])
        #expect(record(response.extra).closing().count - withoutExtra.closing().count <= StoredResponse.extraLength)
        #expect(closing.closing().count <= ImageRecord.tailLength)
        // Of the parts only a tag that is all escapes is given up.
        #expect(StoredResponse(record(response.extra)).validators.etag == (character == "x" ? tag : nil))
        #expect(StoredResponse(record(response.extra)).staleIfError == 1 << 31)
    }
}
