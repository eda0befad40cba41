import ProxyCore
import Testing

@Suite struct PageImagesTests {
    @Test(
        "the images of a page",
        arguments: [
            ("<img src=a.png>", ["a.png"]), ("<IMG alt='>' SRC = \"b.png\" />", ["b.png"]),
            ("<img src='c d'>", ["c d"]),
            ("<img title=it's src=d>", ["d"]), ("<img src=a src=b>", ["a"]), ("<img data-src=a>", []),
            ("<img src>", [""]),
            ("<img src='a?x=1&amp;y=2&#38;z&#x26;&eacute;&amp'>", ["a?x=1&y=2&z&&eacute;&amp"]),
            ("<source srcset='a 1x, b 2x'>", ["a", "b"]), ("<img src=a srcset='b 100w,c'>", ["a", "b", "c"]),
            ("<!-- <img src=a> --><img src=b>", ["b"]), ("<script>'<img src=a>'</SCRIPT><img src=b>", ["b"]),
            ("<style><img src=a></style ><textarea><img src=b></textarea><img src=c>", ["c"]),
            ("<noscript><img src=a></noscript>", ["a"]), ("<images src=a><imgx src=b>", []), ("< img src=a>", []),
            ("<a href=x><img\nsrc=a\n></a>", ["a"]), ("a < b <img src=c> < d", ["c"]), ("<img src=\"a", ["a"]),
            ("<img src=a", ["a"]), ("<", []), ("</", []), ("<!--", []), ("<!", []), ("<img", []), ("<script>", []),
            ("<![CDATA[", []), ("<img =a src=b>", ["b"]), ("<img/src=a>", ["a"]),
        ])
    func references(page: String, images: [String]) { #expect(PageImages(Array(page.utf8)).references == images) }

    @Test(
        "candidates of a srcset",
        arguments: [
            ("a", ["a"]), (" a , b ", ["a", "b"]), ("a,b", ["a,b"]), ("a, b", ["a", "b"]), (",,a,,", ["a"]), ("", []),
            ("a(1,2) 1x, b", ["a(1,2)", "b"]), ("a f(1, 2) x, b", ["a", "b"]), ("a 1x,b 2x", ["a", "b"]), (",", []),
            ("data:image/png;base64,xx 1x, b", ["data:image/png;base64,xx", "b"]),
        ])
    func sourceSets(text: String, urls: [String]) {
        #expect(PageImages(Array("<source srcset=\"\(text)\">".utf8)).references == urls)
    }

    @Test("the first base counts")
    func base() { #expect(PageImages(Array("<base><base href='/a/'><base href=/b/>".utf8)).base == "/a/") }

    @Test("any beginning of a page is read to its end")
    func prefixes() {
        let page = Array(
            "<!doctype html><!-- x --><img a='b' srcset=\"x 1x, y\"><script>a</script><![CDATA[x]]></a>".utf8)
        for count in page.indices { _ = PageImages(Array(page[..<count])) }
        #expect(PageImages(page).references == ["x", "y"])
    }
}

@Suite struct ImageReferencesTests {
    @Test(
        "references become URLs as a client would spell them",
        arguments: [
            ("http://h/a b", "http://h/a b"), ("HTTPS://H/x", "HTTPS://H/x"), (" http://h/ ", "http://h/"),
            ("/a", "https://www.test/a"), ("b.png", "https://www.test/dir/b.png"), ("//h/x", "https://h/x"),
            ("../c", "https://www.test/c"), ("data:image/png;base64,xx", nil), ("blob:x", nil), ("", nil), (" ", nil),
            ("/p?url=http%3A%2F%2Fh%2Fa%3Fb", "http://h/a?b"), ("https://cdn.test/p?url=http://h/&w=1", "http://h/"),
            ("/p?w=1", "https://www.test/p?w=1"), ("/pq?url=http://h/", "https://www.test/pq?url=http://h/"),
        ] as [(String, String?)])
    func resolved(reference: String, url: String?) throws {
        let references = ImageReferences(page: try SourceURL("https://www.test/dir/page"), mount: "/p")
        #expect(references.urlText(of: reference) == url)
    }

    @Test("without a page, only what is absolute or asked of the proxy")
    func withoutPage() throws {
        let references = ImageReferences(page: nil, mount: "/p")
        #expect(references.urlText(of: "/a") == nil)
        #expect(references.urlText(of: "http://h/a") == "http://h/a")
        #expect(references.urlText(of: "/p?url=http://h/") == "http://h/")
        #expect(references.relative(to: "http://b/c/").urlText(of: "d") == "http://b/c/d")
        #expect(references.relative(to: "c/").urlText(of: "d") == nil)
    }
}
