/// The images that an HTML page shows: `src` and `srcset` of `img`, `srcset` of `source`.
public struct PageImages: Sendable, Equatable {
    /// As the page writes them, in its order.
    public private(set) var references: [String] = []
    /// What they are relative to, where that is not the page's own URL.
    public private(set) var base: String?

    /// Reads a page. Whatever it is, reading it costs time that grows with its length alone.
    public init(_ page: [UInt8]) {
        var scanner = MarkupScanner(page, isHTML: true)
        while let token = scanner.next() {
            guard case .start(let name, let attributes) = token else { continue }
            func value(_ attribute: String) -> [UInt8]? { scanner.value(of: attribute, in: attributes) }
            switch name {
            case "img":
                add(value("src").map { [$0] } ?? [])
                add(value("srcset").map(SourceSet.urls) ?? [])
            case "source": add(value("srcset").map(SourceSet.urls) ?? [])
            case "base" where base == nil: base = value("href").map { String(decoding: $0, as: UTF8.self) }
            default: break
            }
        }
    }

    private mutating func add(_ urls: [[UInt8]]) {
        references += urls.map { String(decoding: $0, as: UTF8.self) }
    }
}
