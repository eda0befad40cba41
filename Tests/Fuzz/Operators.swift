import ProxyCore

/// The text of a configuration file: read, or refused with the lines that are wrong.
func fuzzConfiguration(_ bytes: [UInt8]) {
    let text = String(decoding: bytes, as: UTF8.self)
    let (values, problems) = ConfigurationFile.parse(text)
    // One that ends a line with CR or LF, or both.
    let lineCount = text.utf8.count { $0 == 0x0A || $0 == 0x0D } + 1
    require(values.values.allSatisfy { (1...lineCount).contains($0.line) }, "a line that is not there")
    require(problems.allSatisfy { (1...lineCount).contains($0.line) }, "a line that is not there")
    for environment in [[:], ["IMAGE_PROXY_ALLOWED_HOSTS": "*"]] {
        _ = try? Configuration.load(environment: environment, file: ("/a/b.conf", text)) { _ in text }
    }
}

/// A list, a sitemap or a page, of which images are to be brought into the cache: whatever it refers to, what is asked for is
/// a URL that is judged.
func fuzzDocument(_ bytes: [UInt8]) {
    for form in [nil] + WarmDocument.Form.allCases.map({ $0 }) {
        let (names, base): ([String], String?) =
            switch WarmDocument(bytes, as: form) {
            case .list(let names): (names, nil)
            case .sitemap(let sitemap): (sitemap.imageURLs + sitemap.sitemaps, nil)
            case .page(let page): (page.references, page.base)
            }
        require(names.count <= bytes.count, "more than can be")
        for page in [nil, try? SourceURL("https://a.example/b/c?d")] {
            let references = ImageReferences(page: page, mount: "/api/image-proxy").relative(to: base)
            for text in names.compactMap({ references.urlText(of: $0) }) {
                require((try? SourceURL(text)) != nil, "no URL: \(text)")
            }
        }
    }
}
