/// A document that names images to be brought into the cache.
public enum WarmDocument: Sendable, Equatable {
    /// URLs, one a line.
    case list([String])
    case sitemap(Sitemap)
    case page(PageImages)

    /// The forms, by the names that an operator knows them by.
    public enum Form: String, Sendable, CaseIterable {
        case list, sitemap, html
    }

    /// Reads a document in the form that it is said to have, or else shows.
    public init(_ bytes: [UInt8], as form: Form? = nil) {
        switch form ?? Self.form(of: bytes) {
        case .list: self = .list(Self.lines(bytes))
        case .sitemap: self = .sitemap(Sitemap(bytes))
        case .html: self = .page(PageImages(bytes))
        }
    }

    /// Markup begins with `<`, and a sitemap has one of two roots, which stands near its beginning.
    private static func form(of bytes: [UInt8]) -> Form {
        let mark: [UInt8] = [0xef, 0xbb, 0xbf]
        let text = bytes.starts(with: mark) ? bytes.dropFirst(mark.count) : bytes[...]
        guard text.first(where: { !MarkupScanner.isSpace($0) }) == UInt8(ascii: "<") else { return .list }
        var scanner = MarkupScanner(Array(text.prefix(64 << 10)), isHTML: false)
        while let token = scanner.next() {
            guard case .start(let name, _) = token else { continue }
            let isSitemap = ["urlset", "sitemapindex"].contains(name.split(separator: ":").last)
            return isSitemap ? .sitemap : .html
        }
        return .html
    }

    private static func lines(_ bytes: [UInt8]) -> [String] {
        bytes.split(separator: UInt8(ascii: "\n")).compactMap { line in
            let text = Array(line).trimmed
            guard let first = text.first, first != UInt8(ascii: "#") else { return nil }
            return String(decoding: text, as: UTF8.self)
        }
    }
}

/// Makes the URLs of images of what a page refers to.
public struct ImageReferences: Sendable {
    private let page: SourceURL?
    private let mount: String

    /// For a page at `page`, where that is known. What it asks of the proxy itself, at the path `mount`, stands for the
    /// image that is asked for.
    public init(page: SourceURL?, mount: String) {
        self.page = page
        self.mount = mount
    }

    /// The URL of the image, spelt as a client of the proxy would; nil for a reference that is none of http or https, or
    /// relative to nobody knows what.
    public func urlText(of reference: String) -> String? {
        let text = String(decoding: Array(reference.utf8).trimmed, as: UTF8.self)
        guard !text.isEmpty else { return nil }
        if let url = proxied(text) { return url }
        if (try? SourceURL(text)) != nil { return text }
        return resolved(text)?.text
    }

    /// The references of a page that has a base of its own.
    public func relative(to base: String?) -> ImageReferences {
        guard let base, let url = resolved(base) else { return self }
        return ImageReferences(page: url, mount: mount)
    }

    private func resolved(_ reference: String) -> SourceURL? {
        guard let page else { return try? SourceURL(reference) }
        return try? page.resolving(reference: reference)
    }

    /// What is asked of the proxy. It is known by its path: a page names its own host, another, or none.
    private func proxied(_ reference: String) -> String? {
        let target = resolved(reference)?.pathAndQuery ?? reference
        guard target.hasPrefix(mount + "?") else { return nil }
        return try? ImageRequest(queryString: String(target.dropFirst(mount.count + 1))).urlText
    }
}
