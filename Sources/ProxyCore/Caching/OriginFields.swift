/// What the head of an origin's response says about keeping it. Every field may come in several lines.
public struct OriginFields: Equatable, Sendable {
    /// The fields that are looked at, in lower case.
    public static let names: Set<String> = [
        "cache-control", "expires", "date", "age", "vary", "etag", "last-modified",
    ]

    public let cacheControl: [String]
    public let expires: [String]
    public let date: [String]
    public let age: [String]
    public let vary: [String]
    public let etag: [String]
    public let lastModified: [String]

    /// Takes the fields out of a head. `values` gives all values of a field, in the order of arrival.
    public init(_ values: (_ field: String) -> [String]) {
        cacheControl = values("cache-control")
        expires = values("expires")
        date = values("date")
        age = values("age")
        vary = values("vary")
        etag = values("etag")
        lastModified = values("last-modified")
    }
}

extension OriginFields {
    /// The validators. A field that says two things says nothing.
    func validators(at now: Int64) -> Validators {
        Validators(
            etag: Self.only(etag).flatMap { EntityTag($0) },
            lastModified: Self.only(lastModified).flatMap { HTTPDate.parse($0, now: now / 1000) })
    }

    /// Whether another request than ours could get another representation: `*`, or a field that is not the same in all
    /// our requests to origins (RFC 9111, 4.1).
    var varies: Bool {
        vary.contains { value in
            FieldMembers(value).contains { !["accept-encoding", "accept"].contains(FieldText.lowercased($0)) }
        }
    }

    /// The age at reception, in milliseconds: `corrected_initial_age` of RFC 9111, 4.2.3.
    func initialAge(requestedAt: Int64, receivedAt: Int64) -> Int64 {
        // A Date is the second in which it was made, of which nothing but the end is certain.
        let apparentAge =
            dateSeconds(at: receivedAt).map { receivedAt.saturatingSubtracting($0 * 1000 + 999) } ?? 0
        let responseDelay = max(0, receivedAt.saturatingSubtracting(requestedAt))
        let correctedAge = StoredResponse.milliseconds(ageSeconds).saturatingAdding(responseDelay)
        let limit = StoredResponse.milliseconds(FieldText.maximumDeltaSeconds)
        return min(max(0, apparentAge, correctedAge), limit)
    }

    /// The freshness lifetime that the origin gives, in milliseconds (RFC 9111, 4.2.1); nil when it gives none.
    func freshnessLifetime(_ control: CacheControl, receivedAt: Int64) -> Int64? {
        if let seconds = control.sMaxAge ?? control.maxAge { return StoredResponse.milliseconds(seconds) }
        guard !expires.isEmpty else { return nil }
        // RFC 9111, 5.3: what is no date, like the common "0", lies in the past. So does a choice of two dates (4.2.1).
        guard let text = Self.only(expires), let end = HTTPDate.parse(text, now: receivedAt / 1000) else { return 0 }
        let start = dateSeconds(at: receivedAt).map { $0 * 1000 } ?? receivedAt
        return max(0, (end * 1000).saturatingSubtracting(start))
    }

    /// RFC 9111, 5.1: of a list the first member counts, and what is no number is not there.
    private var ageSeconds: Int {
        let members = age.lazy.flatMap { FieldMembers($0) }
        return members.first { _ in true }.flatMap(FieldText.deltaSeconds) ?? 0
    }

    private func dateSeconds(at now: Int64) -> Int64? {
        Self.only(date).flatMap { HTTPDate.parse($0, now: now / 1000) }
    }

    private static func only(_ values: [String]) -> String? { Set(values).count == 1 ? values.first : nil }
}
