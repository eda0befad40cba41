/// A response as the extra fields of its record: `etag`, `weakEtag` or, for a tag of our own, `contentTag`, each without
/// its quotes, which would have to be escaped; `lastModified`, `generatedAt`, `swr`, `sie`, `mustRevalidate`.
extension StoredResponse {
    /// The most bytes of JSON that the extra fields take: with the record's own they fit in `ImageRecord.tailLength`.
    static let extraLength = 330

    /// Reads a record. One of the TypeScript application has none of the fields: its age counts from `cachedAt`, and it is
    /// unusable once it is stale. A field that makes no sense counts as missing.
    public init(_ record: ImageRecord) {
        let tag = record.tag
        self.init(
            validators: Validators(
                etag: tag?.tag, isOwnTag: tag?.isOwn ?? false,
                lastModified: record.integer("lastModified", in: HTTPDate.range)),
            generatedAt: record.integer("generatedAt", in: 0...8_640_000_000_000_000) ?? record.cachedAt,
            freshUntil: record.expiresAt,
            staleWhileRevalidate: record.seconds("swr"),
            staleIfError: record.seconds("sie"),
            mustRevalidate: record[extra: "mustRevalidate"] == .boolean(true))
    }

    /// The extra fields of the record. An entity tag of which so much is escaped that they would be too long is left out.
    public var extra: [JSONField] {
        let fields = [
            JSONField("generatedAt", .integer(max(0, generatedAt))),
            staleWhileRevalidate > 0 ? JSONField("swr", .integer(Int64(staleWhileRevalidate))) : nil,
            staleIfError > 0 ? JSONField("sie", .integer(Int64(staleIfError))) : nil,
            mustRevalidate ? JSONField("mustRevalidate", .boolean(true)) : nil,
            validators.lastModified.map { JSONField("lastModified", .integer($0)) },
        ].compactMap(\.self)
        guard let etag = validators.etag else { return fields }
        let tagged = [JSONField(validators.tagName(etag), .string(etag.opaque))] + fields
        return Self.length(of: tagged) <= Self.extraLength ? tagged : fields
    }

    private static func length(of fields: [JSONField]) -> Int {
        var text = JSONText(behindMember: [])
        for field in fields { text.member(field.name, field.value) }
        return text.bytes.count
    }
}

extension Validators {
    fileprivate func tagName(_ tag: EntityTag) -> String {
        isOwnTag ? "contentTag" : tag.isWeak ? "weakEtag" : "etag"
    }
}

extension ImageRecord {
    fileprivate var tag: (tag: EntityTag, isOwn: Bool)? {
        if let strong = text("etag").flatMap({ EntityTag(opaque: $0) }) { return (strong, false) }
        if let weak = text("weakEtag").flatMap({ EntityTag(opaque: $0, isWeak: true) }) { return (weak, false) }
        return text("contentTag").flatMap { EntityTag(opaque: $0) }.map { ($0, true) }
    }

    fileprivate func text(_ name: String) -> String? {
        guard case .string(let text) = self[extra: name] else { return nil }
        return text
    }

    fileprivate func integer(_ name: String, in range: ClosedRange<Int64>) -> Int64? {
        guard case .integer(let integer) = self[extra: name], range.contains(integer) else { return nil }
        return integer
    }

    fileprivate func seconds(_ name: String) -> Int {
        Int(integer(name, in: 0...Int64(FieldText.maximumDeltaSeconds)) ?? 0)
    }
}
