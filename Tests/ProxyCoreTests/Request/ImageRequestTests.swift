import Testing

@testable import ProxyCore

@Suite struct ImageRequestTests {
    @Test(
        "the url is decoded once, however it is escaped",
        arguments: [
            // As clients write it: encodeURIComponent, URLSearchParams, nobody.
            ("url=https%3A%2F%2Fh%2Fa%20b.png", "https://h/a b.png"),
            ("url=https%3A%2F%2Fh%2Fa+b.png", "https://h/a b.png"),
            ("url=https%3A%2F%2Fh%2Fa%2Bb.png", "https://h/a+b.png"), ("url=https://h/a+b.png", "https://h/a+b.png"),
            ("url=https://h/a%2Bb.png", "https://h/a+b.png"), ("url=https://h/a%20b.png", "https://h/a b.png"),
            ("url=https%3a%2f%2fh%2f%C3%A9%3Fq%3D1%26r%3D2", "https://h/é?q=1&r=2"),
            ("url=https://h/?q=1", "https://h/?q=1"),
            ("url=https%3A%2F%2Fh%2F%2520", "https://h/%20"), ("url=https%3A%2F%2Fh%2F%2525", "https://h/%25"),
            ("url=https%3A%2F%2Fh%2F100%25", "https://h/100%"), ("url=https%3A%2F%2Fh%2Fa%23b", "https://h/a#b"),
            // Parameters that nobody asked for change nothing, not even broken ones.
            ("a=1&url=https://h/&b=2", "https://h/"), ("url=https://h/a?x=1&y=2", "https://h/a?x=1"),
            ("&&url=https://h/&", "https://h/"),
            ("%zz=1&url=https://h/&b=%zz&%=%", "https://h/"), ("URL=x&url=https://h/&curl=y&url2=z&ur=a", "https://h/"),
            ("%75%72%6C=https://h/", "https://h/"), ("url=https://h/a=b==", "https://h/a=b=="),
            ("url=https://h/a;b", "https://h/a;b"),
        ])
    func decodes(_ query: String, _ expected: String) throws {
        let request = try ImageRequest(queryString: query)
        #expect(Array(request.urlText.utf8) == Array(expected.utf8))
        #expect(try request.source == SourceURL(expected))
    }

    @Test(
        "raw and as lighttpd normalises it, a query is the same request",
        arguments: [
            ("url=https://h/%41%2ea", "url=https://h/A.a"), ("url=https%3a%2f%2fh%2fx", "url=https%3A%2F%2Fh%2Fx"),
            ("url=https://h/é", "url=https://h/%C3%A9"), ("url=https%3a%2f%2fh%2fa+b", "url=https%3A%2F%2Fh%2Fa+b"),
            ("url=https%3a%2f%2fh%2fa%2bb", "url=https%3A%2F%2Fh%2Fa%2Bb"), ("%75rl=https://h/%7e", "url=https://h/~"),
            ("url=https://h/%252e%252e/a", "url=https://h/%252e%252e/a"),
            ("url=https://h/%2e%2e/a", "url=https://h/../a"),
        ])
    func lighttpd(_ raw: String, _ normalised: String) throws {
        let one = try ImageRequest(queryString: raw)
        let other = try ImageRequest(queryString: normalised)
        #expect(Array(one.urlText.utf8) == Array(other.urlText.utf8))
        #expect(one.source == other.source)
    }

    @Test(
        "what names no image is refused, and told apart",
        arguments: [
            ("", ImageRequestError.missing), ("a=b", .missing), ("URL=https://h/", .missing),
            ("url2=https://h/", .missing), ("ur%=x", .missing),
            ("u+rl=https://h/", .missing), ("%2575rl=https://h/", .missing), ("url", .empty), ("url=", .empty),
            ("a&url=&b", .empty),
            ("url=https://h/&url=https://h/", .repeated), ("url=https://h/&%75rl=https://i/", .repeated),
            ("url&url", .repeated),
            ("url=&url=https://h/", .repeated), ("%75%72%6c=https://h/&u%72l=%zz", .repeated),
            ("url=https://h/%zz", .malformed), ("url=https://h/%", .malformed), ("url=https://h/%4", .malformed),
            ("url=https://h/%+1", .malformed),
            ("url=https://h/%00", .malformed), ("url=https://h/%0d%0aA:b", .malformed),
            ("url=https://h/%09", .malformed),
            ("url=https://h/%7f", .malformed), ("url=https://h/\n", .malformed), ("url=https://h/%5c", .malformed),
            ("url=https://h/\\", .malformed),
            ("url=https://h/%ff", .malformed), ("url=https://h/%c0%af", .malformed),
            ("url=https://h/%ed%a0%80", .malformed),
            ("url=https://h/%C3", .malformed), ("url=https://h/\u{FFFD}", .malformed),
            ("url=https://h/%EF%BF%BD", .malformed),
            ("url=https%253A%252F%252Fh%252Fa", .malformed), ("url=%2Fa.png", .malformed), ("url=//h/a", .malformed),
            ("url=h/a.png", .malformed),
            ("url=+https://h/", .malformed), ("url=https://127.1/", .malformed), ("url=https://h:0/", .malformed),
            ("url=file:///etc/passwd", .denied(.scheme)), ("url=FTP%3A%2F%2Fh%2F", .denied(.scheme)),
            ("url=https://u:p%40h/", .denied(.userinfo)),
            ("url=https://u@h/", .denied(.userinfo)),
        ])
    func refuses(_ query: String, _ error: ImageRequestError) {
        #expect(throws: error) { try ImageRequest(queryString: query) }
    }

    @Test("lengths are bounded, and a URL of the greatest length fits fully escaped")
    func bounds() throws {
        let path = String(repeating: "a", count: SourceURL.maximumLength - "https://h/".utf8.count)
        let escaped = "https://h/\(path)".utf8.map { "%" + String($0, radix: 16) }.joined()
        #expect(try ImageRequest(queryString: "url=\(escaped)").urlText == "https://h/\(path)")
        #expect(throws: ImageRequestError.tooLong) { try ImageRequest(queryString: "url=\(escaped)%61") }
        let filler = "url=https://h/&a="
        let room = QueryString.maximumLength - filler.utf8.count
        #expect(throws: Never.self) { try ImageRequest(queryString: filler + String(repeating: "a", count: room)) }
        #expect(throws: ImageRequestError.tooLong) {
            try ImageRequest(queryString: filler + String(repeating: "a", count: room + 1))
        }
    }

    @Test("URLs that differ in Unicode normalisation alone are different sources")
    func normalisationForms() throws {
        let composed = try ImageRequest(queryString: "url=https://h/%C3%A9")
        let decomposed = try ImageRequest(queryString: "url=https://h/e%CC%81")
        #expect(composed.source != decomposed.source)
        #expect(Array(composed.urlText.utf8) != Array(decomposed.urlText.utf8))
    }
}
