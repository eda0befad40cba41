/// A sitemap (sitemaps.org), with the extension for images, or an index of sitemaps.
public struct Sitemap: Sendable, Equatable {
    /// The images that it names as such.
    public private(set) var images: [String] = []
    /// The other URLs.
    public private(set) var pages: [String] = []
    /// The sitemaps of an index.
    public private(set) var sitemaps: [String] = []

    /// What is to be warmed: where no image is named as such, the URLs are taken for those of images.
    public var imageURLs: [String] { images.isEmpty ? pages : images }

    /// Reads the `loc` elements of a document.
    public init(_ document: [UInt8]) {
        var scanner = MarkupScanner(document, isHTML: false)
        var isIndex = false
        var isInImage = false
        var location: [UInt8]?
        while let token = scanner.next() {
            switch token {
            case .start(let name, _):
                switch Self.localName(name) {
                case "sitemapindex": isIndex = true
                case "image": isInImage = true
                case "loc": location = []
                default: break
                }
            case .text(let range): location? += CharacterReferences.decode(scanner.bytes[range])
            case .literal(let range): location? += scanner.bytes[range]
            case .end(let name):
                switch Self.localName(name) {
                case "image": isInImage = false
                case "loc":
                    if let url = location.flatMap({ Self.url($0) }) { add(url, isIndex: isIndex, isImage: isInImage) }
                    location = nil
                default: break
                }
            }
        }
    }

    private mutating func add(_ url: String, isIndex: Bool, isImage: Bool) {
        if isIndex {
            sitemaps.append(url)
        } else if isImage {
            images.append(url)
        } else {
            pages.append(url)
        }
    }

    /// `loc` of `image:loc`: prefixes are the document's own choice.
    private static func localName(_ name: String) -> Substring { name.split(separator: ":").last ?? "" }

    private static func url(_ text: [UInt8]) -> String? {
        let trimmed = text.trimmed
        return 1...SourceURL.maximumLength ~= trimmed.count ? String(decoding: trimmed, as: UTF8.self) : nil
    }
}

extension [UInt8] {
    /// Without the white space at both ends.
    var trimmed: ArraySlice<UInt8> {
        let end = lastIndex { !MarkupScanner.isSpace($0) }.map { $0 + 1 } ?? startIndex
        return self[..<end].drop(while: MarkupScanner.isSpace)
    }
}
