/// By what a representation is told from its successors (RFC 9110, 8.8).
public struct Validators: Equatable, Sendable {
    public var etag: EntityTag?
    /// Whether the tag was made by us from the bytes: clients can ask with it, the origin has never heard of it.
    public var isOwnTag = false
    /// Unix seconds.
    public var lastModified: Int64?

    public init(etag: EntityTag? = nil, isOwnTag: Bool = false, lastModified: Int64? = nil) {
        self.etag = etag
        self.isOwnTag = isOwnTag
        self.lastModified = lastModified
    }

    /// Whether there is nothing to ask the origin with.
    public var isEmpty: Bool { originTag == nil && lastModified == nil }

    private var originTag: EntityTag? { isOwnTag ? nil : etag }

    /// The lines that make a request to the origin conditional (RFC 9111, 4.3.1): both, for an origin that knows one.
    public var requestFields: [String] {
        [
            originTag.map { "If-None-Match: \($0.text)" },
            lastModified.map { "If-Modified-Since: \(HTTPDate.text($0))" },
        ].compactMap(\.self)
    }

    /// The validators that a 304 with `others` leaves; nil when it speaks of another representation than this one, so that
    /// it must not renew it (RFC 9111, 4.3.4). Of a strong and a weak tag the weak one stays: it promises less.
    func renewed(by others: Validators) -> Validators? {
        guard let tag = others.etag, !isOwnTag else {
            return others.lastModified ?? lastModified == lastModified ? self : nil
        }
        guard let etag, etag.matchesWeakly(tag) else { return nil }
        return Validators(etag: etag.isWeak ? etag : tag, lastModified: others.lastModified ?? lastModified)
    }
}
