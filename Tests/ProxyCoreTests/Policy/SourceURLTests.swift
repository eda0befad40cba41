import Testing

@testable import ProxyCore

@Suite struct SourceURLTests {
    @Test(
        "a URL is normalised as far as RFC 3986 goes without decoding",
        arguments: [
            ("http://example.com", "http://example.com/"), ("HTTPS://EXAMPLE.com/A", "https://example.com/A"),
            ("http://example.com:80/", "http://example.com/"), ("https://example.com:443/", "https://example.com/"),
            ("http://example.com:443/", "http://example.com:443/"),
            ("http://example.com:65535", "http://example.com:65535/"),
            ("http://example.com?q", "http://example.com/?q"), ("http://example.com/?", "http://example.com/?"),
            ("http://example.com/a#b", "http://example.com/a"), ("http://example.com#@8.8.8.8/", "http://example.com/"),
            ("http://example.com/a#b?c#d", "http://example.com/a"), ("http://example.com?a#b", "http://example.com/?a"),
            ("http://192.0.2.1/", "http://192.0.2.1/"), ("http://[2001:DB8:0::1]:8080/", "http://[2001:db8::1]:8080/"),
            ("http://xn--bcher-kva.example/", "http://xn--bcher-kva.example/"), ("http://a/", "http://a/"),
            ("http://r3---sn-4g5e6n.example/", "http://r3---sn-4g5e6n.example/"),
            ("http://1.example/", "http://1.example/"),
            ("http://0x7f.example/", "http://0x7f.example/"),
            ("http://127.0.0.1.example/", "http://127.0.0.1.example/"),
            // What people write although RFC 3986 does not allow it.
            ("http://h/a b", "http://h/a%20b"), ("http://h/é", "http://h/%C3%A9"),
            ("http://h/日本.png?名", "http://h/%E6%97%A5%E6%9C%AC.png?%E5%90%8D"),
            ("http://h/\"<>{}|^`[]", "http://h/%22%3C%3E%7B%7D%7C%5E%60%5B%5D"),
            ("http://h/?a[]={\"b\":1}", "http://h/?a%5B%5D=%7B%22b%22:1%7D"),
            ("http://h/100%", "http://h/100%25"), ("http://h/%zz%4", "http://h/%25zz%254"),
            ("http://h/%%41", "http://h/%25%41"),
            // What it does allow stays, escapes above all.
            ("http://h/%41%c3%A9%2f%2e%2E", "http://h/%41%c3%A9%2f%2e%2E"),
            ("http://h/%00%0d%0a", "http://h/%00%0d%0a"),
            ("http://h/-._~!$&'()*+,;=:@", "http://h/-._~!$&'()*+,;=:@"),
            ("http://h/?/?:@-._~!$&'()*+,;=", "http://h/?/?:@-._~!$&'()*+,;="),
            ("http://h/a;b=c@d:e", "http://h/a;b=c@d:e"), ("http://h//a//b/", "http://h//a//b/"),
            ("http://h/?u=http://x:1@y/", "http://h/?u=http://x:1@y/"),
            // Dot segments.
            ("http://h/a/./b/../c", "http://h/a/c"), ("http://h/..", "http://h/"),
            ("http://h/../../etc/passwd", "http://h/etc/passwd"),
            ("http://h/a/..", "http://h/"), ("http://h/a/b/..", "http://h/a/"), ("http://h/a/.", "http://h/a/"),
            ("http://h/.//x", "http://h//x"),
            ("http://h/a//../b", "http://h/a/b"), ("http://h/...", "http://h/..."),
            ("http://h/a?b/../c", "http://h/a?b/../c"),
            ("http://h?/../x", "http://h/?/../x"),
        ])
    func normalises(_ text: String, _ expected: String) throws {
        let url = try SourceURL(text)
        #expect(url.text == expected)
        #expect(try SourceURL(url.text) == url)
    }

    @Test("the parts are what the text says")
    func parts() throws {
        let url = try SourceURL("HTTPS://Images.Example.com:8443/a/b.png?w=1&h=2#top")
        #expect(url.scheme == .https)
        #expect(url.host == .name("images.example.com"))
        #expect(url.port == 8443)
        #expect(url.pathAndQuery == "/a/b.png?w=1&h=2")
        #expect(url.origin == "https://images.example.com:8443")
        #expect(try SourceURL("http://[::FFFF:1.2.3.4]").origin == "http://[::ffff:1.2.3.4]:80")
        #expect(try SourceURL("http://1.2.3.4").host == .address(.v4(0x0102_0304)))
    }

    @Test(
        "what is not one URL in one reading is refused",
        arguments: [
            ("", SourceURLError.notAbsolute), ("/a", .notAbsolute), ("//h/a", .notAbsolute), ("h", .notAbsolute),
            ("?", .notAbsolute),
            ("http", .notAbsolute), ("http:", .notAbsolute), ("http:/h", .notAbsolute), ("http:h", .notAbsolute),
            ("://h", .notAbsolute),
            (" http://h", .notAbsolute), ("1http://h", .notAbsolute), ("ht tp://h", .notAbsolute),
            ("http%3A%2F%2Fh", .notAbsolute),
            ("http%3A//h", .notAbsolute), ("ｈttp://h", .notAbsolute), ("http：//h", .notAbsolute),
            ("#http://h", .notAbsolute),
            ("file:///etc/passwd", .scheme), ("ftp://h/", .scheme), ("gopher://h/", .scheme), ("dict://h:1/", .scheme),
            ("data:image/png,", .scheme),
            ("javascript:alert(1)", .scheme), ("https+unix://h", .scheme), ("httpx://h", .scheme), ("h:80", .scheme),
            ("localhost:80/a", .scheme),
            ("http://u@h/", .userinfo), ("http://u:p@h/", .userinfo), ("http://@h/", .userinfo),
            ("http://:@h/", .userinfo),
            ("http://a@b@h/", .userinfo), ("http://h@/", .userinfo), ("http://127.0.0.1@8.8.8.8:80/", .userinfo),
            ("http://u@", .userinfo),
            ("http://", .host), ("http:///a", .host), ("http://?a", .host), ("http://#a", .host),
            ("http://:80/", .host), ("http:////h", .host),
            ("http://h./", .host), ("http://.h/", .host), ("http://a..b/", .host), ("http://-a/", .host),
            ("http://a-/", .host),
            ("http://a.-b.c/", .host), ("http://a_b/", .host), ("http://é/", .host), ("http://h%41/", .host),
            ("http://a b/", .host),
            ("http://a,b/", .host), ("http://a&b/", .host), ("http://*/", .host), ("http://[::1/", .host),
            ("http://[]/", .host),
            ("http://[::1]a/", .host), ("http://[::1%25lo]/", .host), ("http://[v1.a]/", .host),
            ("http://[1.2.3.4]/", .host),
            ("http://1.2.3/", .host), ("http://1/", .host), ("http://0x1/", .host), ("http://h.0x1F/", .host),
            ("http://h.0X/", .host),
            ("http://h.01/", .host), ("http://1.2.3.4.5/", .host), ("http://01.2.3.4/", .host),
            ("http://1.2.3.4./", .host),
            ("http://h:/", .port), ("http://h:0/", .port), ("http://h:00/", .port), ("http://h:080/", .port),
            ("http://h:65536/", .port),
            ("http://h:99999999999999999999/", .port), ("http://h:-1/", .port), ("http://h:+1/", .port),
            ("http://h: 1/", .port), ("http://h:a/", .port),
            ("http://h:80:80/", .port), ("http://[::1]:/", .port), ("http://h:８０/", .port), ("http://h:80%30/", .port),
            ("http://h/\\", .forbiddenCharacter), ("http:\\\\h\\", .forbiddenCharacter),
            ("http://a\\@b/", .forbiddenCharacter),
            ("http://h/\0", .forbiddenCharacter), ("http://h\0.b/", .forbiddenCharacter),
            ("http://h/\r\nA: b", .forbiddenCharacter),
            ("http://h/\t", .forbiddenCharacter), ("ht\ntp://h/", .forbiddenCharacter),
            ("http://h/#\n", .forbiddenCharacter),
            ("http://h/\u{7f}", .forbiddenCharacter), ("http://h/\u{1b}[0m", .forbiddenCharacter),
        ])
    func refuses(_ text: String, _ error: SourceURLError) {
        #expect(throws: error) { try SourceURL(text) }
    }

    @Test("labels, hosts and URLs end at their limits")
    func limits() throws {
        let label = String(repeating: "a", count: 63)
        #expect(throws: Never.self) { try SourceURL("http://\(label)/") }
        #expect(throws: SourceURLError.host) { try SourceURL("http://\(label)a/") }
        let host = [label, label, label, String(repeating: "a", count: 61)].joined(separator: ".")
        #expect(host.utf8.count == 253)
        #expect(throws: Never.self) { try SourceURL("http://\(host)/") }
        #expect(throws: SourceURLError.host) { try SourceURL("http://\(host)a/") }

        let room = SourceURL.maximumLength - "http://h/".utf8.count
        #expect(
            try SourceURL("http://h/" + String(repeating: "a", count: room)).text.utf8.count == SourceURL.maximumLength)
        #expect(throws: SourceURLError.tooLong) { try SourceURL("http://h/" + String(repeating: "a", count: room + 1)) }
        #expect(throws: SourceURLError.tooLong) { try SourceURL("http://h/" + String(repeating: "é", count: room / 4)) }
        #expect(throws: SourceURLError.tooLong) { try SourceURL("http://h/#" + String(repeating: "a", count: room)) }
        #expect(throws: SourceURLError.tooLong) {
            try SourceURL("http://h/").resolving(reference: String(repeating: "../", count: 3000))
        }
    }

    @Test("only a scheme and userinfo are denials; the rest is malformed")
    func denials() {
        #expect(SourceURLError.allCases.compactMap(\.denial) == [.scheme, .userinfo])
    }

    @Test(
        "references are resolved as RFC 3986, 5.4 has it",
        arguments: [
            ("g", "http://a/b/c/g"), ("./g", "http://a/b/c/g"), ("g/", "http://a/b/c/g/"), ("/g", "http://a/g"),
            ("//g", "http://g/"),
            ("?y", "http://a/b/c/d;p?y"), ("g?y", "http://a/b/c/g?y"), ("#s", "http://a/b/c/d;p?q"),
            ("g#s", "http://a/b/c/g"),
            ("g?y#s", "http://a/b/c/g?y"), (";x", "http://a/b/c/;x"), ("g;x", "http://a/b/c/g;x"),
            ("g;x?y#s", "http://a/b/c/g;x?y"),
            ("", "http://a/b/c/d;p?q"), (".", "http://a/b/c/"), ("./", "http://a/b/c/"), ("..", "http://a/b/"),
            ("../", "http://a/b/"),
            ("../g", "http://a/b/g"), ("../..", "http://a/"), ("../../", "http://a/"), ("../../g", "http://a/g"),
            ("../../../g", "http://a/g"), ("../../../../g", "http://a/g"), ("/./g", "http://a/g"),
            ("/../g", "http://a/g"),
            ("g.", "http://a/b/c/g."), (".g", "http://a/b/c/.g"), ("g..", "http://a/b/c/g.."),
            ("..g", "http://a/b/c/..g"),
            ("./../g", "http://a/b/g"), ("./g/.", "http://a/b/c/g/"), ("g/./h", "http://a/b/c/g/h"),
            ("g/../h", "http://a/b/c/h"),
            ("g;x=1/./y", "http://a/b/c/g;x=1/y"), ("g;x=1/../y", "http://a/b/c/y"),
            ("g?y/./x", "http://a/b/c/g?y/./x"),
            ("g?y/../x", "http://a/b/c/g?y/../x"), ("g#s/./x", "http://a/b/c/g"), ("g#s/../x", "http://a/b/c/g"),
            // Beyond the RFC's own.
            ("https://B:444/x y", "https://b:444/x%20y"), ("//[::1]:81/", "http://[::1]:81/"),
            ("/é", "http://a/%C3%A9"), ("?", "http://a/b/c/d;p?"),
            ("1:2", "http://a/b/c/1:2"), ("g?u=http://x/", "http://a/b/c/g?u=http://x/"), ("///g", ""), ("g:h", ""),
            ("http:g", ""), ("http:///g", ""),
            ("file:///etc/passwd", ""), ("//u@g/", ""), ("\\\\g", ""), ("/g\r\nA: b", ""), ("//127.1/", ""),
            ("//g:0/", ""),
        ])
    func resolves(_ reference: String, _ expected: String) throws {
        let base = try SourceURL("http://a/b/c/d;p?q")
        #expect((try? base.resolving(reference: reference).text) ?? "" == expected)
    }

    @Test("a relative reference keeps scheme and port, a protocol-relative one keeps the scheme alone")
    func resolvesAgainstPort() throws {
        let base = try SourceURL("https://a:8443/b?c")
        #expect(try base.resolving(reference: "/d").text == "https://a:8443/d")
        #expect(try base.resolving(reference: "//d").text == "https://d/")
        #expect(try base.resolving(reference: "http://d").text == "http://d/")
    }
}
