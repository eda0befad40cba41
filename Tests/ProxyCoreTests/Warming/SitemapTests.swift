import ProxyCore
import Testing

@Suite struct SitemapTests {
    private func sitemap(_ text: String) -> Sitemap { Sitemap(Array(text.utf8)) }

    @Test("images that are named as such are all that counts")
    func images() {
        let found = sitemap(
            """
            <?xml version="1.0"?><urlset xmlns:i="http://www.google.com/schemas/sitemap-image/1.1">
            <url><loc>https://h/page</loc><i:image><i:loc> https://h/a?x&amp;y </i:loc></i:image>
            <i:image><i:loc><![CDATA[https://h/b?x&y]]></i:loc></i:image></url></urlset>
            """)
        #expect(found.pages == ["https://h/page"])
        #expect(found.imageURLs == ["https://h/a?x&y", "https://h/b?x&y"])
    }

    @Test("where none is, every URL is an image's")
    func pages() {
        let found = sitemap(
            "<urlset><url><loc>http://h/1</loc></url><url><LOC>http://h/2</LOC><loc></loc></url></urlset>")
        #expect(found.imageURLs == ["http://h/1", "http://h/2"])
    }

    @Test("an index names sitemaps")
    func index() {
        let found = sitemap("<sitemapindex><sitemap><loc>http://h/1.xml</loc></sitemap></sitemapindex>")
        #expect(found.sitemaps == ["http://h/1.xml"])
        #expect(found.imageURLs.isEmpty)
    }

    @Test(
        "what is cut names what it names",
        arguments: ["<urlset><loc>http://h/", "<urlset><loc>", "<urlset", "", "<loc><loc>"])
    func cut(text: String) { #expect(sitemap(text) == sitemap("")) }

    @Test("a URL that is too long is none")
    func longURL() {
        let url = "http://h/" + String(repeating: "a", count: SourceURL.maximumLength)
        #expect(sitemap("<urlset><loc>\(url)</loc></urlset>").pages.isEmpty)
    }
}

@Suite struct WarmDocumentTests {
    @Test(
        "a document shows what it is",
        arguments: [
            ("http://h/a\n\n # no\n http://h/b\r\n", "list"), ("", "list"), ("\u{feff}  <html><img src=a>", "html"),
            ("<?xml version='1.0'?><!-- <html> --><urlset>", "sitemap"), ("<s:sitemapindex>", "sitemap"), ("<", "html"),
            ("<!doctype html><p>urlset", "html"),
        ])
    func forms(text: String, form: String) {
        let name =
            switch WarmDocument(Array(text.utf8)) {
            case .list: "list"
            case .sitemap: "sitemap"
            case .page: "html"
            }
        #expect(name == form)
    }

    @Test("a list has a URL a line")
    func list() {
        let text = "http://h/a\n\n # no\n http://h/b\r\n"
        #expect(WarmDocument(Array(text.utf8)) == .list(["http://h/a", "http://h/b"]))
        #expect(WarmDocument(Array("<p>".utf8), as: .list) == .list(["<p>"]))
    }
}
