import Testing

@testable import ProxyCore

/// The URLs that other proxies have signed: the vectors that they publish, and others computed with Python's hmac module.
@Suite struct DialectTests {
    /// A path behind a mount point, and what becomes of it.
    struct Row: Sendable, CustomTestStringConvertible {
        let path: String
        let outcome: Result<String, ImageRequestError>
        var key = "key"

        init(_ path: String, _ url: String, key: String = "first") {
            (self.path, outcome, self.key) = (path, .success(url), key)
        }

        init(_ path: String, _ error: ImageRequestError, key: String = "first") {
            (self.path, outcome, self.key) = (path, .failure(error), key)
        }

        var testDescription: String { path }
    }

    private static let unsigned = ImageRequestError.denied(.signature)
    private static let gopher = "http://golang.org/doc/gopher/frontpage.png"
    private static let gopherHex = Hexadecimal.encode(Array(gopher.utf8))
    private static let gopherBase64 = "aHR0cDovL2dvbGFuZy5vcmcvZG9jL2dvcGhlci9mcm9udHBhZ2UucG5n"
    private static let source = "aHR0cHM6Ly9hLmV4YW1wbGUvYi5wbmc"
    private static let image = "https://a.example/b.png"

    static let camo = [
        Row("0f6def1cb147b0e84f39cbddc5ea10c80253a6f3/\(gopherHex)", gopher, key: "test"),
        Row("0F6DEF1CB147B0E84F39CBDDC5EA10C80253A6F3/\(gopherHex.uppercased())", gopher, key: "test"),
        Row("D23vHLFHsOhPOcvdxeoQyAJTpvM/\(gopherBase64)", gopher, key: "test"),
        Row(
            "0f6def1cb147b0e84f39cbddc5ea10c80253a6f3?url=http%3A%2F%2Fgolang.org%2Fdoc%2Fgopher%2Ffrontpage.png",
            gopher, key: "test"),
        Row(
            "265feda3c54706fa6299c86bb17f21c23776ccf2?url=http://example.org/", "http://example.org/",
            key: "0x24FEEDFACEDEADBEEFCAFE"),
        Row("0f6def1cb147b0e84f39cbddc5ea10c80253a6f4/\(gopherHex)", unsigned, key: "test"),
        Row("0f6def1cb147b0e84f39cbddc5ea10c80253a6f3/\(gopherHex)00", unsigned, key: "test"),
        Row("0f6def1cb147b0e84f39cbddc5ea10c80253a6f3/\(gopherHex)0", unsigned, key: "test"),
        Row("0f6def1cb147b0e84f39cbddc5ea10c80253a6f3/\(gopherHex)/", unsigned, key: "test"),
        Row("0f6def1cb147b0e84f39cbddc5ea10c80253a6f3/\(gopherHex)?url=http://example.org/", unsigned, key: "test"),
        Row("0f6def1cb147b0e84f39cbddc5ea10c80253a6f3/\(gopherBase64)", unsigned, key: "test"),
        Row("D23vHLFHsOhPOcvdxeoQyAJTpvM=/\(gopherBase64)", unsigned, key: "test"),
        Row("0f6def1cb147b0e84f39cbddc5ea10c80253a6f3?url=http://example.org/", unsigned, key: "test"),
        Row(
            "265feda3c54706fa6299c86bb17f21c23776ccf2?url=http://example.org/&url=http://example.org/", unsigned,
            key: "0x24FEEDFACEDEADBEEFCAFE"),
        Row(
            "265feda3c54706fa6299c86bb17f21c23776ccf2?url=http://example.org/&a=b", unsigned,
            key: "0x24FEEDFACEDEADBEEFCAFE"),
        Row("0f6def1cb147b0e84f39cbddc5ea10c80253a6f3/\(gopherHex)", unsigned, key: "other"),
    ]

    @Test("camo", arguments: camo) func camoURLs(_ row: Row) {
        #expect(outcome(SigningSamples.signing([.camo], keys: [row.key]), "/p/\(row.path)") == row.outcome)
    }

    /// Authentic, and asking for what cannot be done, is another thing than not authentic.
    static let imgproxy = [
        Row(
            "oKfUtW34Dvo2BGQehJFR4Nr0_rIjOtdtzJ3QFsUcXH8/rs:fill:300:400:0/g:sm/aHR0cDovL2V4YW1w/bGUuY29tL2ltYWdl/cy9jdXJpb3NpdHku/anBn.png",
            .unsupportedOption),
        Row(
            "oKfUtW34Dvo2BGQehJFR4Nr0_rIjOtdtzJ3QFsUcXH8/rs:fill:300:401:0/g:sm/aHR0cDovL2V4YW1w/bGUuY29tL2ltYWdl/cy9jdXJpb3NpdHku/anBn.png",
            unsigned),
        Row("oWaL7QoW5TsgbuiS9-5-DI8S3Ibbo1gdB2SteJh3a20/asd", .malformed),
        Row(
            "1PHSoeUOl26K-7buVHIj57mp2rbuBOvyyNqjVxanbx4/enc/p5VjorNdhs7mRRw8gA9TWoRlGci3l1kuzqN43UQlRaRIQ0qtBKW3qFABIsx-ZRz_cVc8iVTYbhsNsxNBL1BHaQ",
            "http://example.com/images/curiosity.jpg"),
        Row("oPKJswi5cBst3AQCKkaB7ZhxBjC6g4WnmU6Jg4l2TPw/enc/AAAAAAAAAAAAAAAA", .malformed),
        Row("fACdIlrXaONFWRDzsl9uHXu0UsgHecz2k9HfzaRprbo/plain/https://a.example/b.png", image),
        Row("fACdIlrXaONFWRDzsl9uHXu0UsgHecz2k9HfzaRprbo/plain/https:%2F/a.example/b.png", unsigned),
        Row(
            "IrdweNUvE4n7YJpR3OQrHFe0endWkj2pHYh8CWYxi-4/plain/https%3A%2F%2Fa.example%2Fb.png%3Fx%3D1",
            "https://a.example/b.png?x=1"),
        Row("wPQ8Pk1zLWVI5uJi1Qn75hJ8tjoV5l6pUOi4xJMP2DM/raw:1/cb:7/\(source)", image),
        Row("Y5nEIcf6BpaGuB32V9mhh3Mo5PhBrdd1gw_nbkk0VsA/aHR0cHM/6Ly9hLmV4YW1wbGUvYi5wbmc", image),
        Row("Y5nEIcf6BpaGuB32V9mhh3Mo5PhBrdd1gw_nbkk0VsA/\(source)", unsigned),
        Row("mNVwqyHEJhF5TngfKtrSWLb11WejuNBr5XrJYS7WlBs/exp:1700000000/\(source)", image),
        Row("PzNz5iJKgrhNe_LCGv8ORka5FT-QMCNRInE_KmKMle0/w:0/h:0/rs:fit:0:0:0/\(source)", image),
        Row("hbyS1xnzK0H0afk27JtJAiHXPM6UZinZJ1phpsfVygY/w:1/\(source)", .unsupportedOption),
        Row("Ciaw0fFAQOEQjF6ZDn7Tby4MX92DYJZXKAd6Barbjp0/blur:5/\(source)", .unsupportedOption),
        Row("HpRHeORiAacyI4HIKCxdNgClFka74BRuvd6YC70bOz8/\(source).webp", .unsupportedOption),
        Row("tukaevyHWn6LOisv6RSDwSMtHM5Mv7kwVDZub83pAi8/plain/https://a.example/b.png@webp", .unsupportedOption),
        Row("IJqxJiu63W6-ooIOASIvX1UwajWxqPxfimJACdx413U/exp:x/\(source)", .malformed),
        Row("unsafe/plain/https://a.example/b.png", unsigned), Row("_/\(source)", unsigned),
        Row("fACdIlrXaONFWRDzsl9uHXu0UsgHecz2k9HfzaRprbo/plain/https://a.example/b.png?x=1", unsigned),
    ]

    @Test("imgproxy", arguments: imgproxy) func imgproxyURLs(_ row: Row) {
        #expect(outcome(SigningSamples.signing([.imgproxy], keys: []), "/p/\(row.path)") == row.outcome)
    }

    @Test("a key counts with the salt of its place, and with no other") func imgproxyPairs() {
        var signing = SigningSamples.signing([.imgproxy], keys: [])
        let (keys, salts) = (
            ["746573742d6b6579", "746573742d6b657932"], ["746573742d73616c74", "746573742d73616c7432"]
        )
        signing.imgproxy.keys = keys.map { Secret($0) }
        for (salts, result) in [(salts, ImageRequestError.malformed), (salts.reversed(), Self.unsigned)] {
            signing.imgproxy.salts = salts.map { Secret($0) }
            for signature in [
                "oWaL7QoW5TsgbuiS9-5-DI8S3Ibbo1gdB2SteJh3a20", "jYz1UZ7j1BCdSzH3pZhaYf0iuz0vusoOTdqJsUT6WXI",
            ] {
                #expect(outcome(signing, "/p/\(signature)/asd") == .failure(result))
            }
        }
    }

    @Test func imgproxySignaturesThatAreCut() {
        var signing = SigningSamples.signing([.imgproxy], keys: [])
        signing.imgproxy.signatureLength = 8
        #expect(outcome(signing, "/p/oWaL7QoW5Ts/asd") == .failure(.malformed), "authentic")
        #expect(outcome(signing, "/p/oWaL7QoW5Tt/asd") == .failure(Self.unsigned))
        #expect(
            outcome(signing, "/p/oWaL7QoW5TsgbuiS9-5-DI8S3Ibbo1gdB2SteJh3a20/asd") == .failure(Self.unsigned))
    }

    static let willnorris = [
        Row(
            "scw34eyalj8YvpLpETxSIxv2k8QkLel2UAR5Cku2FzGM=/https://octodex.github.com/images/codercat.jpg",
            "https://octodex.github.com/images/codercat.jpg", key: "secretkey"),
        Row(
            "0x0,scw34eyalj8YvpLpETxSIxv2k8QkLel2UAR5Cku2FzGM/https://octodex.github.com/images/codercat.jpg",
            "https://octodex.github.com/images/codercat.jpg", key: "secretkey"),
        Row(
            "400x400,q40,s0sR2kjyfiF1RQRj4Jm2fFa3_6SDFqdAaDEmy1oD2U-4=/https://octodex.github.com/images/codercat.jpg",
            .unsupportedOption, key: "secretkey"),
        Row(
            "400,q40,s0sR2kjyfiF1RQRj4Jm2fFa3_6SDFqdAaDEmy1oD2U-4=/https://octodex.github.com/images/codercat.jpg",
            .unsupportedOption, key: "secretkey"),
        Row(
            "400x401,q40,s0sR2kjyfiF1RQRj4Jm2fFa3_6SDFqdAaDEmy1oD2U-4=/https://octodex.github.com/images/codercat.jpg",
            unsigned, key: "secretkey"),
        Row("sNDx5zZHx7QfE8E-ijowRreq6CJJBZjwiRfOVk_mkfQQ=/http://test/image", "http://test/image", key: "c0ffee"),
        Row("sNDx5zZHx7QfE8E-ijowRreq6CJJBZjwiRfOVk_mkfQQ=/http:/test/image", "http://test/image", key: "c0ffee"),
        Row("r90,sZGTzEm32o4iZ7qcChls3EVYaWyrDd9u0etySo0-WkF8=/http://test/image", .unsupportedOption, key: "c0ffee"),
        Row("r91,sZGTzEm32o4iZ7qcChls3EVYaWyrDd9u0etySo0-WkF8=/http://test/image", unsigned, key: "c0ffee"),
        Row("sNDx5zZHx7QfE8E-ijowRreq6CJJBZjwiRfOVk_mkfQQ=/http://test/images", unsigned, key: "c0ffee"),
        Row("sNDx5zZHx7QfE8E-ijowRreq6CJJBZjwiRfOVk_mkfQQ=/http://test/image?x=1", unsigned, key: "c0ffee"),
        Row("0x0/http://test/image", unsigned, key: "c0ffee"), Row("http://test/image", unsigned, key: "c0ffee"),
        Row("sNWv4TJgxnL1YhxJRuXR2ygdHdV5_peh2Q43s6lBGW7I/https://a.example/b.png?x=1", "https://a.example/b.png?x=1"),
        Row(
            "vu1700000000,ss_LmnofeLTmalPlzTZvKOtwO8slR0YxVkgX4oekee5s/https://a.example/b.png?x=1",
            "https://a.example/b.png?x=1"),
        Row("vu1700000001,ss_LmnofeLTmalPlzTZvKOtwO8slR0YxVkgX4oekee5s/https://a.example/b.png?x=1", unsigned),
        Row("ss_LmnofeLTmalPlzTZvKOtwO8slR0YxVkgX4oekee5s/https://a.example/b.png?x=1", unsigned),
    ]

    @Test("willnorris", arguments: willnorris) func willnorrisURLs(_ row: Row) {
        #expect(outcome(SigningSamples.signing([.willnorris], keys: [row.key]), "/p/\(row.path)") == row.outcome)
    }

    static let thumbor = [
        Row("8ammJH8D-7tXy6kU3lTvoXlhu4o=/300x200/my.server.com/some/path/to/image.jpg", .unsupportedOption),
        Row(
            "B35oBEIwztbc3jm7vsdqLez2C78=/10x10:200x200/300x200/my.server.com/some/path/to/image.jpg",
            .unsupportedOption),
        Row(
            "as8U2DbUUtTMgvPF26LkjS3MocY=/10x10:200x200/300x200/filters:brightness(20):contrast(10)/my.server.com/some/path/to/image.jpg",
            .unsupportedOption),
        Row("8ammJH8D-7tXy6kU3lTvoXlhu4o=/300x201/my.server.com/some/path/to/image.jpg", unsigned),
        Row(
            "w604AzX3JeZ6sexJMBvZIzupjIM=/my.server.com/some/path/to/image.jpg",
            "http://my.server.com/some/path/to/image.jpg"),
        Row(
            "w604AzX3JeZ6sexJMBvZIzupjIM%3D/my.server.com/some/path/to/image.jpg",
            "http://my.server.com/some/path/to/image.jpg"),
        Row("w604AzX3JeZ6sexJMBvZIzupjIM/my.server.com/some/path/to/image.jpg", unsigned),
        Row("w604AzX3JeZ6sexJMBvZIzupjIM=/my.server.com/some/path/to/image.jpg?x=1", unsigned),
        // The signature, taken out wherever it stands, would leave what was signed (CVE-2026-53501).
        Row(
            "w604AzX3JeZ6sexJMBvZIzupjIM=/evil.example/w604AzX3JeZ6sexJMBvZIzupjIM=/my.server.com/some/path/to/image.jpg",
            unsigned),
        Row("w604AzX3JeZ6sexJMBvZIzupjIM=/my.server.com/w604AzX3JeZ6sexJMBvZIzupjIM=/some/path/to/image.jpg", unsigned),
        Row("2RuMurqsrarV7VaTYQClKoNfX6c=/smart/my.server.com/a.jpg", "http://my.server.com/a.jpg"),
        Row("XaCpR_wJ75oXdUsvLMANw6UxBAg=/http://a.example/b%20c.png", "http://a.example/b%20c.png"),
        Row("XaCpR_wJ75oXdUsvLMANw6UxBAg=/http://a.example/b%2520c.png", "http://a.example/b%20c.png"),
        Row("J39_swadIdFCmt4akcFisAxxFRI=/http://a.example/b%20c.png", "http://a.example/b c.png"),
        Row("Pdoi1rxNBQsLRyFBt6Dqkv396uU=/http%3A%2F%2Fa.example%2Fb.png%3Fx%3D1", "http://a.example/b.png?x=1"),
        Row("v5qewQo6-iU-zIBDtioiPd_Ph1A=/fit-in/my.server.com/a.jpg", .unsupportedOption),
        Row("LF5O2MLth1XIoSgIZq9vObdTWm4=/filters:blur(1)/my.server.com/a.jpg", .unsupportedOption),
        Row("unsafe/my.server.com/a.jpg", unsigned), Row("unsafe/300x200/my.server.com/a.jpg", unsigned),
    ]

    @Test("thumbor", arguments: thumbor) func thumborURLs(_ row: Row) {
        #expect(outcome(SigningSamples.signing([.thumbor], keys: ["my-security-key"]), "/p/\(row.path)") == row.outcome)
    }

    @Test(
        "times are kept",
        arguments: [
            "vu1700000000,ss_LmnofeLTmalPlzTZvKOtwO8slR0YxVkgX4oekee5s/https://a.example/b.png?x=1",
            "mNVwqyHEJhF5TngfKtrSWLb11WejuNBr5XrJYS7WlBs/exp:1700000000/\(source)",
        ]) func expire(_ path: String)
    {
        let signing = SigningSamples.signing([.imgproxy, .willnorris])
        let isValid = { (seconds: Int64) in (try? outcome(signing, "/p/\(path)", seconds: seconds).get()) != nil }
        #expect(isValid(1_700_000_000))
        #expect(!isValid(1_700_000_001))
        #expect(outcome(signing, "/p/\(path)", seconds: 1_700_000_001) == .failure(.denied(.signatureExpired)))
    }

    /// What willnorris signs is the URL with the options as its fragment: that is no URL of anybody's.
    @Test("options that were signed stay options", arguments: ["vu1700000000", "100x200", "r90"])
    func optionsAsFragment(_ option: String) throws {
        let signing = SigningSamples.signing(Configuration.Dialect.allCases)
        let url = "\(Self.image)?x=1#\(WillnorrisDialect.canonical([option]))"
        let code = try #require(RealPrimitives().code(.sha256, key: Array("first".utf8), Array(url.utf8)))
        let signature = Base64URL.encode(code)
        let asked = [
            "/p/\(option),s\(signature)/\(Self.image)?x=1",
            "/p?url=\(PercentEncoding.encodeComponent(url))&s=\(signature)",
            "/p/s\(signature)/\(url)", "/p/s\(signature)/\(Self.image)?x=1%23\(WillnorrisDialect.canonical([option]))",
        ]
        for target in asked {
            #expect((try? outcome(signing, target, seconds: 1_700_000_001).get()) == nil, "\(target)")
        }
        #expect(outcome(signing, asked[1]) == .failure(.denied(.signature)))
    }

    @Test(
        "wherever it is mounted",
        arguments: ["/", "/p/", "/api/image-proxy/", "/a/b/c/d/e/", "//", "http://host/p/", "/he%61lth/"])
    func mounts(_ mount: String) {
        let path = "\(mount)0f6def1cb147b0e84f39cbddc5ea10c80253a6f3/\(Self.gopherHex)"
        #expect(outcome(SigningSamples.signing([.camo], keys: ["test"]), path) == .success(Self.gopher))
    }

    /// As long as a signature is taken off wherever it stands, whoever has one can put it where it changes what is read.
    @Test(
        "a signature counts once",
        arguments: [
            "@/@/$", "p/@/@/$", "@/p/@/$", "@/@$", "@/$@", "@/$/@", "@//$", "@/300x@200/$", "@/unsafe/$", "unsafe/$",
            "$",
        ])
    func signatureTwice(_ form: String) {
        let thumbor = ("w604AzX3JeZ6sexJMBvZIzupjIM=", "my.server.com/some/path/to/image.jpg")
        let camo = ("0f6def1cb147b0e84f39cbddc5ea10c80253a6f3", Self.gopherHex)
        let signing = SigningSamples.signing(Configuration.Dialect.allCases, keys: ["test", "my-security-key"])
        for (signature, image) in [thumbor, camo] {
            let path = form.map { $0 == "@" ? signature : $0 == "$" ? image : String($0) }.joined()
            #expect(outcome(signing, "/" + path) == .failure(.denied(.signature)), "\(path)")
        }
        #expect(outcome(signing, "/p/\(thumbor.0)/\(thumbor.1)") == .success("http://\(thumbor.1)"))
    }

    @Test func everyDialectAtOnce() {
        let signing = SigningSamples.signing(
            Configuration.Dialect.allCases, keys: ["first", "test", "c0ffee", "my-security-key"])
        let rows = Self.camo + Self.imgproxy + Self.willnorris + Self.thumbor
        for row in rows {
            guard case .success(let url) = row.outcome, ["first", "test", "c0ffee"].contains(row.key) else { continue }
            #expect(outcome(signing, "/p/\(row.path)") == .success(url), "\(row.path)")
        }
    }

    @Test("an image may be named like an endpoint") func signedPaths() {
        let policy = SigningPolicy(SigningSamples.signing([.thumbor]), primitives: RealPrimitives())
        func isSigned(_ uri: String) -> Bool { policy.hasSignedPath(RequestTarget(query: "", requestURI: uri)) }
        #expect(isSigned("/p/w604AzX3JeZ6sexJMBvZIzupjIM=/my.server.com/health"))
        #expect(!isSigned("/p/health"))
        #expect(!isSigned("/p/x/health"))
        let own = SigningPolicy(SigningSamples.signing([.own]), primitives: RealPrimitives())
        let target = RequestTarget(query: "", requestURI: "/p/w604AzX3JeZ6sexJMBvZIzupjIM=/my.server.com/health")
        #expect(!own.hasSignedPath(target))
    }
}
