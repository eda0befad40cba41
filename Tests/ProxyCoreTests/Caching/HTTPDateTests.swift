import ProxyCore
import Testing

@Suite struct HTTPDateTests {
    /// `date -u -d @SECONDS '+%a, %d %b %Y %H:%M:%S GMT'`
    static let dates: [(seconds: Int64, text: String)] = [
        (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"), (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
        (-1, "Wed, 31 Dec 1969 23:59:59 GMT"), (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
        (951_868_799, "Tue, 29 Feb 2000 23:59:59 GMT"), (951_868_800, "Wed, 01 Mar 2000 00:00:00 GMT"),
        (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"), (4_107_542_399, "Sun, 28 Feb 2100 23:59:59 GMT"),
        (1_735_689_599, "Tue, 31 Dec 2024 23:59:59 GMT"), (1_735_689_600, "Wed, 01 Jan 2025 00:00:00 GMT"),
        (2_147_483_648, "Tue, 19 Jan 2038 03:14:08 GMT"), (-62_135_596_800, "Mon, 01 Jan 0001 00:00:00 GMT"),
        (253_402_300_799, "Fri, 31 Dec 9999 23:59:59 GMT"),
    ]

    @Test("dates both ways", arguments: dates) func bothWays(_ seconds: Int64, _ text: String) {
        #expect(HTTPDate.text(seconds) == text)
        #expect(HTTPDate.parse(text) == seconds)
    }

    @Test("the days of four centuries come back") func roundTrip() {
        for day in stride(from: Int64(-36_525), to: 109_575, by: 5) {
            let seconds = day * 86400 + (day &* 7919 & 0xffff)
            guard HTTPDate.parse(HTTPDate.text(seconds)) != seconds else { continue }
            Issue.record("\(seconds) is \(HTTPDate.text(seconds))")
        }
    }

    @Test("times beyond four digits of a year", arguments: [Int64.min, -62_135_596_801]) func early(_ seconds: Int64) {
        #expect(HTTPDate.text(seconds) == "Mon, 01 Jan 0001 00:00:00 GMT")
    }

    @Test("times beyond four digits of a year", arguments: [Int64.max, 253_402_300_800]) func late(_ seconds: Int64) {
        #expect(HTTPDate.text(seconds) == "Fri, 31 Dec 9999 23:59:59 GMT")
    }

    @Test("a leap second leads to no year that cannot be written") func leapSecondOfTheLastYear() {
        #expect(HTTPDate.parse("Fri, 31 Dec 9999 23:59:60 GMT") == 253_402_300_799)
    }

    @Test(
        "the obsolete formats, and letters of either case",
        arguments: [
            "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994", "Sun Nov 06 08:49:37 1994",
            "sun, 06 nov 1994 08:49:37 gmt", "SUN, 06 NOV 1994 08:49:37 GMT", "SUNDAY, 06-NOV-94 08:49:37 gmt",
            // The name of the day is not what counts.
            "Mon, 06 Nov 1994 08:49:37 GMT",
        ])
    func otherForms(_ text: String) { #expect(HTTPDate.parse(text) == 784_111_777) }

    @Test func aLeapSecondBelongsToTheNextMinute() {
        #expect(HTTPDate.parse("Sat, 31 Dec 2016 23:59:60 GMT") == 1_483_228_800)
    }

    /// A year of two digits is at most 50 years ahead (RFC 9110, 5.6.7).
    static let twoDigitYears: [(digits: String, now: Int64, year: String)] = [
        ("76", 1_800_000_000, "2076"), ("77", 1_800_000_000, "2077"), ("78", 1_800_000_000, "1978"),
        ("00", 1_800_000_000, "2000"), ("99", 1_800_000_000, "1999"), ("00", 4_102_444_799, "2100"),
        ("49", 4_102_444_799, "2149"), ("50", 4_102_444_799, "2050"), ("70", 0, "1970"), ("21", 0, "1921"),
    ]

    @Test("the century of an RFC 850 year", arguments: twoDigitYears)
    func century(_ digits: String, _ now: Int64, _ year: String) {
        let expected = HTTPDate.parse("Thu, 18 Aug \(year) 02:01:18 GMT")
        #expect(expected != nil)
        #expect(HTTPDate.parse("Thursday, 18-Aug-\(digits) 02:01:18 GMT", now: now) == expected)
    }

    @Test func withoutAClockTheCenturyIsThatOfPOSIX() {
        #expect(HTTPDate.parse("Thursday, 18-Aug-70 02:01:18 GMT") == HTTPDate.parse("Thu, 18 Aug 2070 02:01:18 GMT"))
        #expect(HTTPDate.parse("Thursday, 18-Aug-71 02:01:18 GMT") == HTTPDate.parse("Thu, 18 Aug 1971 02:01:18 GMT"))
    }

    @Test func aClockThatIsFarOffDoesNotTrap() {
        let text = "Thursday, 18-Aug-50 02:01:18 GMT"
        #expect(HTTPDate.parse(text, now: .min) == HTTPDate.parse("Thu, 18 Aug 0050 02:01:18 GMT"))
        #expect(HTTPDate.parse(text, now: .max) == HTTPDate.parse("Thu, 18 Aug 9950 02:01:18 GMT"))
        #expect(HTTPDate.parse("Thursday, 18-Aug-52 02:01:18 GMT", now: .min) == nil)
    }

    /// The names are those of the public test suite for caches.
    @Test(
        "what is no date",
        arguments: [
            "", "0", "-1", "now", "784111777", "2050-08-18T02:01:18Z", " ", "Thu",
            "Thu, 18 Aug 2050 02:01:18 AEST",  // freshness-expires-invalid-aest
            "Thu, 18 Aug 2050 02:01:18 UTC",  // freshness-expires-invalid-utc
            "Thu, 18-Aug-2050 02:01:18 GMT",  // freshness-expires-invalid-date-dashes
            "Thu, 18 Aug 50 02:01:18 GMT",  // freshness-expires-invalid-2-digit-year
            "Thu, 18 Aug 2050 2:01:18 GMT",  // freshness-expires-invalid-1-digit-hour
            "Thu 18 Aug 2050 02:01:18 GMT",  // freshness-expires-invalid-no-comma
            "Thu, 18 Aug 2050  02:01:18 GMT",  // freshness-expires-invalid-multiple-spaces
            "Thu, 18 Aug 2050 02.01.18 GMT",  // freshness-expires-invalid-time-periods
            "Thu, 18 Aug 2050 02:01:18", "Thu, 18 Aug 2050 02:01:18 GMT ", " Thu, 18 Aug 2050 02:01:18 GMT",
            "Thu, 18 Aug 2050 24:00:00 GMT", "Thu, 18 Aug 2050 02:60:18 GMT", "Thu, 18 Aug 2050 02:01:61 GMT",
            "Thu, 29 Feb 2100 02:01:18 GMT", "Fri, 30 Feb 2024 02:01:18 GMT", "Thu, 31 Apr 2050 02:01:18 GMT",
            "Thu, 00 Aug 2050 02:01:18 GMT", "Thu, 32 Aug 2050 02:01:18 GMT", "Thu, 18 Auг 2050 02:01:18 GMT",
            "Thu, 18 Aug 0000 02:01:18 GMT", "Thu, 18 Aug 20500 02:01:18 GMT", "Thu, 1 Aug 2050 02:01:18 GMT",
            "Xyz, 18 Aug 2050 02:01:18 GMT", "Thu, 18 Xyz 2050 02:01:18 GMT", "Thursday, 18-Aug-2050 02:01:18 GMT",
            "Thu, 18-Aug-50 02:01:18 GMT", "Thu Aug  18 02:01:18 2050", "Thu Aug 8 02:01:18 2050",
            "Thu Aug 18 02:01:18 2050 GMT", "Thu, 18 Aug 2050 02:01:18 GMT, Thu, 18 Aug 2050 02:01:18 GMT",
            "Thu, 1٨ Aug 2050 02:01:18 GMT", "Thu, 18 Aug 2050 02:01:18 G\u{212a}T", "Thu, 18 Aug +205 02:01:18 GMT",
        ])
    func invalid(_ text: String) { #expect(HTTPDate.parse(text) == nil) }
}
