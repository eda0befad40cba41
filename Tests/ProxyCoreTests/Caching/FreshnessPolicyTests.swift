import ProxyCore
import Testing

/// Rows carry the id of their case in the public test suite for HTTP caches where there is one.
@Suite struct FreshnessPolicyTests {
    /// The seconds of freshness left at arrival; less than 0 is stale.
    static let freshnessTable: [(id: String, lines: [String], left: Int)] = [
        ("freshness-none", [], 86_400),
        ("freshness-none, our default however old", ["age: 400"], 86_400),
        ("freshness-max-age", ["cache-control: max-age=3600"], 3600),
        ("freshness-max-age-0", ["cache-control: max-age=0"], 0),
        ("freshness-max-age-expires", ["cache-control: max-age=3600", "expires: {-7200}", "date: {0}"], 3600),
        ("freshness-max-age-0-expires", ["cache-control: max-age=0", "expires: {3600}", "date: {0}"], 0),
        ("freshness-max-age-age", ["cache-control: max-age=3600", "age: 7200"], -3600),
        ("freshness-max-age-date", ["cache-control: max-age=3600", "date: {-7201}"], -3601),
        ("freshness-max-age, invalid", ["cache-control: max-age=x", "expires: {3600}"], 0),
        ("freshness-max-age-s-maxage-shared-shorter", ["cache-control: max-age=3600, s-maxage=1800"], 1800),
        ("freshness-max-age-s-maxage-shared-longer", ["cache-control: max-age=3600, s-maxage=7200"], 7200),
        ("freshness-max-age-s-maxage-shared-longer-reversed", ["cache-control: s-maxage=7200, max-age=3600"], 7200),
        (
            "freshness-max-age-s-maxage-shared-longer-multiple",
            ["cache-control: max-age=3600", "cache-control: s-maxage=7200"], 7200
        ),
        ("freshness-s-maxage-shared", ["cache-control: s-maxage=3600"], 3600),
        ("freshness-s-maxage-shared-0", ["cache-control: s-maxage=0, max-age=3600"], 0),
        ("freshness-expires-future", ["expires: {3600}", "date: {0}"], 3600),
        ("freshness-expires-past", ["expires: {-3600}", "date: {0}"], 0),
        ("freshness-expires-present", ["expires: {0}", "date: {0}"], 0),
        ("freshness-expires-old-date", ["expires: {3600}", "date: {-30}"], 3600),
        ("freshness-expires without Date", ["expires: {3600}"], 3600),
        ("freshness-expires with a bad Date", ["expires: {3600}", "date: yesterday"], 3600),
        ("freshness-expires with two Dates", ["expires: {3600}", "date: {0}", "date: {-900}"], 3600),
        ("freshness-expires-age-slow-date", ["expires: {10}", "date: {-30}", "age: 25"], 10),
        ("freshness-expires-age-fast-date", ["expires: {10}", "date: {5}", "age: 25"], -20),
        ("freshness-expires-32bit", ["expires: Tue, 19 Jan 2038 14:14:08 GMT", "date: {0}"], 2_592_000),
        ("freshness-expires-far-future", ["expires: Sun, 21 Nov 2286 04:46:39 GMT"], 2_592_000),
        ("freshness-expires-rfc850", ["expires: Thursday, 18-Aug-50 02:01:18 GMT"], 2_592_000),
        ("freshness-expires-ansi-c", ["expires: Thu Aug 18 02:01:18 2050"], 2_592_000),
        ("freshness-expires-wrong-case-weekday", ["expires: THU, 18 Aug 2050 02:01:18 GMT"], 2_592_000),
        ("freshness-expires-wrong-case-month", ["expires: Thu, 18 AUG 2050 02:01:18 GMT"], 2_592_000),
        ("freshness-expires-wrong-case-tz", ["expires: Thu, 18 Aug 2050 02:01:18 gMT"], 2_592_000),
        ("freshness-expires-invalid", ["expires: 0"], 0),
        ("freshness-expires-invalid, empty", ["expires:"], 0),
        ("freshness-expires-invalid-multiple-lines", ["expires: {3600}", "expires: {7200}"], 0),
        ("freshness-expires, twice the same", ["expires: {3600}", "expires: {3600}"], 3600),
        ("cc-resp-no-cache", ["cache-control: no-cache"], 0),
        ("cc-resp-no-cache, with a lifetime", ["cache-control: no-cache, max-age=3600"], 0),
        ("cc-resp-no-cache-case-insensitive", ["cache-control: No-CaChE"], 0),
        ("pragma-response-no-cache", ["pragma: no-cache"], 86_400),
        ("vary on what is always the same", ["vary: Accept-Encoding", "vary: accept"], 86_400),
    ]

    @Test("freshness", arguments: freshnessTable)
    func freshness(_ id: String, _ lines: [String], _ left: Int) throws {
        let lines = lines + ["etag: \"a\""]
        let judgement = freshnessPolicy().judge(originFields(lines), requestedAt: arrival, receivedAt: arrival)
        let response = try #require(judgement.response)
        #expect(response.freshnessLeft(at: arrival) == left)
        #expect((response.use(at: arrival) == .fresh) == (left > 0))
    }

    /// The initial age in seconds. The request took 2 s.
    static let ageTable: [(id: String, lines: [String], age: Int)] = [
        ("no Age, no Date", [], 2), ("Date of the request", ["date: {-2}"], 2), ("Date after", ["date: {100}"], 2),
        ("apparent age", ["date: {-101}"], 100), ("Age", ["age: 30"], 32), ("both", ["age: 30", "date: {-101}"], 100),
        ("both, Age the greater", ["age: 300", "date: {-101}"], 302), ("a bad Date", ["date: 0", "age: 1"], 3),
        ("age-parse-nonnumeric", ["age: abc"], 2), ("age-parse-numeric-parameter", ["age: 7200;foo=111"], 2),
        ("age-parse-parameter", ["age: 7200;foo=bar"], 2), ("age-parse-negative", ["age: -7200"], 2),
        ("age-parse-float", ["age: 7200.0"], 2), ("age-parse-prefix", ["age: foo, 7200"], 2),
        ("age-parse-prefix-twoline", ["age: foo", "age: 7200"], 2), ("age-parse-suffix", ["age: 7200, foo"], 7202),
        ("age-parse-suffix-twoline", ["age: 7200", "age: foo"], 7202), ("age-parse-dup-0", ["age: 7200, 0"], 7202),
        ("age-parse-dup-0-twoline", ["age: 7200", "age: 0"], 7202), ("age-parse-dup-old", ["age: 3600, 10000"], 3602),
        ("age-parse-large", ["age: 2147483648"], 1 << 31), ("age-parse-larger", ["age: 99999999999"], 1 << 31),
        ("age-parse-large-minus-one", ["age: 2147483647"], 1 << 31), ("an empty member", ["age: , 7200"], 7202),
    ]

    @Test("the age at arrival", arguments: ageTable) func age(_ id: String, _ lines: [String], _ age: Int) throws {
        // A time at which 68 years ago is not before 1970.
        let later: Int64 = 4_000_000_000_000
        let shifted = lines.map { line in
            line.hasPrefix("date: {") ? dated(line, by: (later - arrival) / 1000) : line
        }
        let fields = originFields(shifted + ["cache-control: max-age=1", "etag: \"a\""])
        let policy = freshnessPolicy { $0.minimumTTL = .seconds(1) }
        let response = try #require(policy.judge(fields, requestedAt: later - 2000, receivedAt: later).response)
        #expect(response.age(at: later) == age)
        #expect(response.age(at: later + 1000) == min(age + 1, 1 << 31))
    }

    private func dated(_ line: String, by shift: Int64) -> String {
        let seconds = Int64(line.dropFirst("date: {".count).dropLast()) ?? 0
        return "date: {\(seconds + shift)}"
    }

    @Test func aClockThatWasSetBackDuringTheRequestMakesNoAge() throws {
        let judgement = freshnessPolicy().judge(originFields([]), requestedAt: arrival + 5000, receivedAt: arrival)
        #expect(try #require(judgement.response).age(at: arrival) == 0)
    }

    static let refusalTable: [([String], NotStorable)] = [
        (["cache-control: no-store"], .noStore), (["cache-control: no-store, max-age=3600"], .noStore),
        (["cache-control: max-age=3600", "cache-control: No-StOrE"], .noStore),
        (["cache-control: private"], .isPrivate), (["cache-control: private=\"set-cookie\", max-age=9"], .isPrivate),
        (["vary: *"], .varies), (["vary: accept-encoding, *"], .varies), (["vary: Cookie"], .varies),
        (["vary: accept", "vary: origin"], .varies), (["vary: accept-language, max-age=3600"], .varies),
        (["vary: \"accept\""], .varies),
    ]

    @Test("what is not stored, whatever the bounds", arguments: refusalTable)
    func refuses(_ lines: [String], _ reason: NotStorable) {
        for minimum in [Duration.zero, .seconds(3600)] {
            let policy = freshnessPolicy { $0.minimumTTL = minimum }
            let judgement = policy.judge(
                originFields(lines + ["etag: \"a\""]), requestedAt: arrival, receivedAt: arrival)
            #expect(judgement == .notStorable(reason: reason))
        }
    }

    @Test func whatCouldNeverBeUsedIsNotStored() {
        let policy = freshnessPolicy()
        for lines in [
            ["cache-control: no-cache"], ["cache-control: max-age=0, must-revalidate"], ["cache-control: s-maxage=0"],
        ] {
            let fields = originFields(lines)
            #expect(policy.judge(fields, requestedAt: arrival, receivedAt: arrival).reason == .unusable)
            let validated = originFields(lines + ["last-modified: {-9}"])
            #expect(policy.judge(validated, requestedAt: arrival, receivedAt: arrival).response != nil)
        }
    }

    @Test(
        "the bounds of the operator",
        arguments: [
            (["cache-control: max-age=5"], 60), (["cache-control: max-age=0"], 60), (["expires: 0"], 60),
            (["cache-control: max-age=61"], 61), (["cache-control: max-age=100"], 100),
            (["cache-control: max-age=101"], 100), ([], 100), (["cache-control: max-age=100", "age: 90"], 60),
            (["cache-control: no-cache"], 0), (["cache-control: max-age=2147483648"], 100),
        ])
    func bounds(_ lines: [String], _ left: Int) throws {
        let policy = freshnessPolicy {
            $0.minimumTTL = .seconds(60)
            $0.maximumTTL = .seconds(100)
        }
        let fields = originFields(lines + ["etag: \"a\""])
        let response = try #require(policy.judge(fields, requestedAt: arrival, receivedAt: arrival).response)
        #expect(response.freshnessLeft(at: arrival) == left)
        #expect(response.use(at: arrival - 30_000) == (left > 0 ? .fresh : .unusable))
    }

    @Test func ofTwoBoundsThatContradictTheUpperOneCounts() throws {
        let policy = freshnessPolicy {
            $0.minimumTTL = .seconds(100)
            $0.maximumTTL = .seconds(60)
        }
        let response = try #require(policy.judge(originFields([]), requestedAt: arrival, receivedAt: arrival).response)
        #expect(response.freshnessLeft(at: arrival) == 60)
    }

    /// The seconds of stale use. The operator's are 3600 and 86400.
    static let windowTable: [(id: String, control: String, swr: Int, sie: Int)] = [
        ("the operator's", "max-age=60", 3600, 86_400), ("no lifetime given", "public", 3600, 86_400),
        ("the origin's", "max-age=60, stale-while-revalidate=7, stale-if-error=8", 7, 8),
        ("one of the two", "max-age=60, stale-if-error=8", 3600, 8),
        ("longer than the longest lifetime", "max-age=60, stale-while-revalidate=2592001", 2_592_000, 86_400),
        ("none, said so", "max-age=60, stale-while-revalidate=0, stale-if-error=0", 0, 0),
        ("no numbers", "max-age=60, stale-while-revalidate, stale-if-error=x", 0, 0),
        ("stale-close-must-revalidate", "max-age=60, must-revalidate, stale-while-revalidate=9", 0, 0),
        ("stale-close-proxy-revalidate", "max-age=60, proxy-revalidate, stale-if-error=9", 0, 0),
        ("stale-close-no-cache", "no-cache, stale-while-revalidate=9, stale-if-error=9", 0, 0),
        ("stale-close-s-maxage=2", "s-maxage=60", 0, 0),
        ("s-maxage and a grant", "s-maxage=60, stale-while-revalidate=9", 9, 0),
        ("a wish to be asked every time", "max-age=0", 0, 86_400),
        ("the same, and a grant", "max-age=0, stale-while-revalidate=9", 9, 86_400),
    ]

    @Test("stale use", arguments: windowTable)
    func windows(_ id: String, _ control: String, _ swr: Int, _ sie: Int) throws {
        let fields = originFields(["cache-control: \(control)", "etag: \"a\""])
        let judgement = freshnessPolicy().judge(fields, requestedAt: arrival, receivedAt: arrival)
        let response = try #require(judgement.response)
        #expect(response.staleWhileRevalidate == swr)
        #expect(response.staleIfError == sie)
    }

    @Test(
        "what the origin says to every cache is kept to be passed on",
        arguments: [
            ("max-age=60, must-revalidate", true), ("max-age=60, proxy-revalidate", true), ("no-cache", true),
            ("max-age=60", false), ("s-maxage=60", false), ("max-age=60, stale-if-error=0", false),
        ])
    func mustRevalidate(_ control: String, _ isForbidden: Bool) throws {
        let fields = originFields(["cache-control: \(control)", "etag: \"a\""])
        let judgement = freshnessPolicy().judge(fields, requestedAt: arrival, receivedAt: arrival)
        #expect(try #require(judgement.response).mustRevalidate == isForbidden)
    }

    @Test func anOriginThatIsNotHeardHasAFixedLifetime() {
        let policy = freshnessPolicy {
            $0.ignoresOriginCacheControl = true
            $0.maximumTTL = .seconds(1)
        }
        let expected = StoredResponse(
            validators: Validators(etag: EntityTag("\"a\""), lastModified: arrival / 1000 - 9), generatedAt: arrival,
            freshUntil: arrival + 86_400_000)
        let lines = ["etag: \"a\"", "last-modified: {-9}"]
        for control in [[], ["cache-control: no-store, private"], ["vary: *"], ["age: 90"], ["expires: 0"]] {
            let fields = originFields(lines + control)
            #expect(policy.judge(fields, requestedAt: arrival - 500, receivedAt: arrival) == .storable(expected))
        }
    }

    @Test(
        "validators",
        arguments: [
            (["etag: W/\"a\""], "W/\"a\"", nil), (["etag: a"], nil, nil), (["etag: \"a\"", "etag: \"b\""], nil, nil),
            (["etag: \"a\"", "etag: \"a\""], "\"a\"", nil), (["last-modified: {-60}"], nil, -60),
            (["last-modified: 0"], nil, nil), (["last-modified: {-60}", "last-modified: {-50}"], nil, nil),
            (["etag: \"a\"", "last-modified: {-60}"], "\"a\"", -60),
        ] as [([String], String?, Int64?)])
    func validators(_ lines: [String], _ etag: String?, _ modified: Int64?) throws {
        let judgement = freshnessPolicy().judge(originFields(lines), requestedAt: arrival, receivedAt: arrival)
        let validators = try #require(judgement.response).validators
        #expect(validators.etag?.text == etag)
        #expect(validators.lastModified == modified.map { arrival / 1000 + $0 })
    }

    @Test func configurationsAndClocksThatMakeNoSenseDoNotTrap() {
        let policy = FreshnessPolicy(Configuration.Freshness(), imageTTL: .seconds(Int64.max))
        for time in [Int64.min, 0, .max] {
            for lines in [[], ["age: 1"], ["expires: {0}", "date: {9}"], ["date: {9}"]] {
                _ = policy.judge(originFields(lines), requestedAt: 0, receivedAt: time)
                _ = policy.judge(originFields(lines), requestedAt: time, receivedAt: .min)
            }
        }
    }
}
