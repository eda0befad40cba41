import ProxyCore
import Testing

/// What a 304 makes of a stored response (RFC 9111, 4.3.4).
@Suite struct RenewalTests {
    private static let hour: Int64 = 3_600_000

    private let stored = StoredResponse(
        validators: Validators(etag: EntityTag("\"a\""), lastModified: 784_111_777), generatedAt: arrival - 5 * hour,
        freshUntil: arrival - 4 * hour, staleWhileRevalidate: 7, staleIfError: 8)

    private func renewed(_ lines: [String], policy: FreshnessPolicy = freshnessPolicy()) -> Storability {
        policy.renewed(stored, by: originFields(lines), requestedAt: arrival, receivedAt: arrival)
    }

    @Test func whatASilent304LeavesIsAsFreshAsItWas() {
        var expected = stored
        expected.generatedAt = arrival
        expected.freshUntil = arrival + Self.hour
        #expect(renewed([]) == .storable(expected))
        #expect(renewed(["etag: \"a\"", "last-modified: Sun, 06 Nov 1994 08:49:37 GMT"]) == .storable(expected))
        expected.generatedAt -= 600_000
        expected.freshUntil -= 600_000
        #expect(renewed(["age: 600"]) == .storable(expected))
    }

    @Test(
        "what the 304 says replaces what was known",
        arguments: [
            ("cache-control: max-age=60", 60, 3600, 86_400),
            ("cache-control: max-age=60, stale-if-error=5", 60, 3600, 5),
            ("cache-control: public", 3600, 3600, 86_400), ("cache-control: must-revalidate", 3600, 0, 0),
            ("expires: {120}", 120, 7, 8), ("cache-control: no-cache", 0, 0, 0), ("expires: 0", 0, 7, 8),
        ])
    func replaces(_ line: String, _ left: Int, _ swr: Int, _ sie: Int) throws {
        let response = try #require(renewed([line]).response)
        #expect(response.freshnessLeft(at: arrival) == left)
        #expect(response.staleWhileRevalidate == swr)
        #expect(response.staleIfError == sie)
        #expect(response.validators == stored.validators)
    }

    @Test(
        "stale use is forbidden until the origin says otherwise",
        arguments: [
            ("etag: \"a\"", true), ("cache-control: max-age=9", false), ("cache-control: must-revalidate", true),
        ])
    func mustRevalidate(_ line: String, _ isForbidden: Bool) throws {
        var stored = stored
        stored.mustRevalidate = true
        let judgement = freshnessPolicy().renewed(
            stored, by: originFields([line]), requestedAt: arrival, receivedAt: arrival)
        #expect(try #require(judgement.response).mustRevalidate == isForbidden)
    }

    @Test(
        "a 304 can end the storing",
        arguments: [
            ("cache-control: no-store", NotStorable.noStore), ("cache-control: private", .isPrivate),
            ("vary: *", .varies),
            ("etag: \"b\"", .otherRepresentation), ("etag: W/\"b\"", .otherRepresentation),
            ("last-modified: {0}", .otherRepresentation),
        ])
    func ends(_ line: String, _ reason: NotStorable) { #expect(renewed([line]) == .notStorable(reason: reason)) }

    static let tagTable: [(stored: String?, new: String, kept: String?)] = [
        ("\"a\"", "\"a\"", "\"a\""), ("\"a\"", "W/\"a\"", "W/\"a\""), ("W/\"a\"", "\"a\"", "W/\"a\""),
        ("W/\"a\"", "W/\"a\"", "W/\"a\""), (nil, "\"a\"", nil), ("\"b\"", "\"a\"", nil), ("\"a\"", "no tag", "\"a\""),
    ]

    @Test("of two tags the one that promises less stays", arguments: tagTable)
    func tags(_ known: String?, _ new: String, _ kept: String?) {
        var stored = stored
        stored.validators.etag = known.flatMap { EntityTag($0) }
        let judgement = freshnessPolicy().renewed(
            stored, by: originFields(["etag: \(new)", "last-modified: {-1}"]), requestedAt: arrival, receivedAt: arrival
        )
        guard new != "no tag" else {
            #expect(judgement.reason == .otherRepresentation)
            return
        }
        #expect(judgement.response?.validators.etag?.text == kept)
        #expect(judgement.response?.validators.lastModified == (kept == nil ? nil : arrival / 1000 - 1))
    }

    @Test func whatIsNeverFreshStaysSoWhateverTheBounds() throws {
        var stored = stored
        stored.freshUntil = stored.generatedAt
        let policy = freshnessPolicy { $0.minimumTTL = .seconds(60) }
        let silent = policy.renewed(stored, by: originFields([]), requestedAt: arrival, receivedAt: arrival)
        #expect(try #require(silent.response).freshnessLeft(at: arrival) == 0)
        let spoken = policy.renewed(
            stored, by: originFields(["cache-control: max-age=5"]), requestedAt: arrival, receivedAt: arrival)
        #expect(try #require(spoken.response).freshnessLeft(at: arrival) == 60)
    }

    @Test func anOriginThatIsNotHeardRenewsTheFixedLifetime() {
        let policy = freshnessPolicy { $0.ignoresOriginCacheControl = true }
        let expected = StoredResponse(
            validators: stored.validators, generatedAt: arrival, freshUntil: arrival + 86_400_000)
        #expect(renewed(["cache-control: no-store"], policy: policy) == .storable(expected))
        #expect(renewed(["etag: \"b\""], policy: policy) == .notStorable(reason: .otherRepresentation))
    }

    @Test func timesThatMakeNoSenseDoNotTrap() {
        let times: [Int64] = [.min, 0, .max]
        for (generatedAt, freshUntil) in times.flatMap({ one in times.map { (one, $0) } }) {
            let stored = StoredResponse(generatedAt: generatedAt, freshUntil: freshUntil, staleIfError: .max)
            for time in times {
                _ = freshnessPolicy().renewed(stored, by: originFields([]), requestedAt: 0, receivedAt: time)
            }
        }
    }
}
