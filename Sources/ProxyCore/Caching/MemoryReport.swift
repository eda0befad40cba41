/// What a running process has of an image in its memory, as `P/stats?url=` tells it: one flat JSON object, whose members
/// behind `inMemory` are there only if that is true.
public struct MemoryReport: Sendable, Equatable {
    /// As it was asked for: the cache's key is made of it.
    public let urlText: String
    public let entry: Entry?

    public struct Entry: Sendable, Equatable {
        public let contentType: String
        /// Bytes.
        public let size: Int
        /// Unix milliseconds.
        public let cachedAt: Int64
        public let expiresAt: Int64
        /// Whether it is a copy of the record that the shared cache has now. One that is not is forgotten before it would be
        /// served; nil while the shared cache cannot be asked, and it would be served.
        public let isCurrent: Bool?

        public init(_ record: ImageRecord, isCurrent: Bool?) {
            contentType = record.contentType
            size = record.size
            cachedAt = record.cachedAt
            expiresAt = record.expiresAt
            self.isCurrent = isCurrent
        }

        fileprivate init(contentType: String, size: Int, cachedAt: Int64, expiresAt: Int64, isCurrent: Bool?) {
            self.contentType = contentType
            self.size = size
            self.cachedAt = cachedAt
            self.expiresAt = expiresAt
            self.isCurrent = isCurrent
        }
    }

    public init(_ urlText: String, _ entry: Entry?) {
        self.urlText = urlText
        self.entry = entry
    }
}

extension MemoryReport {
    /// Where a server that is mounted at `base`, a URL, says this of an image; nil where that is no URL.
    public static func location(of urlText: String, at base: String) -> SourceURL? {
        try? SourceURL("\(base)/stats?url=\(PercentEncoding.encodeComponent(urlText))")
    }

    public func encoded() -> [UInt8] {
        var text = JSONText()
        text.object { text in
            text.member("url", .string(urlText))
            text.member("inMemory", .boolean(entry != nil))
            guard let entry else { return }
            text.member("contentType", .string(entry.contentType))
            text.member("size", .integer(Int64(entry.size)))
            text.member("cachedAt", .integer(entry.cachedAt))
            text.member("expiresAt", .integer(entry.expiresAt))
            text.member("current", entry.isCurrent.map { .boolean($0) } ?? .null)
        }
        return text.bytes
    }

    public static func parse(_ value: Span<UInt8>) throws(RecordError) -> MemoryReport {
        let names = ["url", "inMemory", "contentType", "size", "cachedAt", "expiresAt", "current"]
        let fields = try RecordFields(names, in: value)
        let url = try fields.string("url", in: value)
        guard let isThere = fields["inMemory"].flatMap({ JSONScalar($0, in: value) }) else { throw .missingField }
        guard isThere == .boolean(true) else { return MemoryReport(url, nil) }
        return MemoryReport(
            url,
            Entry(
                contentType: try fields.contentType(in: value), size: try fields.size("size", in: value, atLeast: 0),
                cachedAt: try fields.time("cachedAt", in: value), expiresAt: try fields.time("expiresAt", in: value),
                isCurrent: fields["current"].flatMap { JSONScalar($0, in: value) }.flatMap {
                    if case .boolean(let isCurrent) = $0 { isCurrent } else { nil }
                }))
    }
}
