import Testing

@testable import ProxyCore

@Suite struct ConfigurationLoadTests {
    @Test func theEnvironmentWinsOverTheFileAndTheFileOverTheDefault() throws {
        let file = """
            IMAGE_PROXY_ALLOWED_HOSTS=file.example
            IMAGE_PROXY_WORKERS=2
            IMAGE_PROXY_WORKERS=3
            MALLOC_ARENA_MAX=2
            """
        let configuration = try Configuration.load(
            environment: ["IMAGE_PROXY_ALLOWED_HOSTS": "environment.example", "PATH": "/bin"],
            file: ("image-proxy.conf", file))
        #expect(configuration.source.allowedHosts == ["environment.example"])
        #expect(configuration.server.workers == 3)
        let effective = configuration.effective
        #expect(effective.map(\.key) == ConfigurationKey.all.map(\.name))
        #expect(
            effective.filter { $0.origin != .default } == [
                EffectiveSetting(
                    key: "IMAGE_PROXY_ALLOWED_HOSTS", value: "environment.example", origin: .environment),
                EffectiveSetting(
                    key: "IMAGE_PROXY_WORKERS", value: "3", origin: .file(name: "image-proxy.conf", line: 3)),
            ])
        #expect(effective.contains { $0.key == "IMAGE_PROXY_CACHE_TTL" && $0.value == "24h" })
    }

    @Test func aBadValueOfTheFileIsNoMatterWhenTheEnvironmentHasAGoodOne() throws {
        let configuration = try Configuration.load(
            environment: ["IMAGE_PROXY_ALLOWED_HOSTS": "*"], file: ("f", "IMAGE_PROXY_ALLOWED_HOSTS=a b"))
        #expect(configuration.source.allowedHosts == ["*"])
    }

    @Test func showsEveryProblemAtOnce() {
        let file = "IMAGE_PROXY_WORKERS=many\nnonsense\nIMAGE_PROXY_COLOUR=blue\nIMAGE_PROXY_SIGNING_KEYS='hunter2,,'"
        let error = #expect(throws: ConfigurationProblems.self) {
            try Configuration.load(
                environment: ["IMAGE_PROXY_CACHE_TTL": "5", "IMAGE_PROXY_CONECT_TIMEOUT": "3s"], file: ("conf", file))
        }
        #expect(
            error?.description == """
                a line (conf:2): expected KEY=VALUE, a comment (# or ;) or a blank line
                IMAGE_PROXY_SIGNING_KEYS="<redacted>" (conf:4): expected a comma list of secrets, none of them empty; \
                a secret is empty
                IMAGE_PROXY_CACHE_TTL="5" (environment): expected a time with its unit such as 250ms, 3s, 2m, 1h or 7d, \
                from 1s to 3650d
                IMAGE_PROXY_WORKERS="many" (conf:1): expected a whole number from 1 to 1024, or nothing
                IMAGE_PROXY_COLOUR (conf:3): expected a key of this program
                IMAGE_PROXY_CONECT_TIMEOUT (environment): expected a key of this program; \
                did you mean IMAGE_PROXY_CONNECT_TIMEOUT?
                """)
    }

    @Test(
        "an unknown key is a problem, its value is not shown",
        arguments: [
            ("IMAGE_PROXY_SIGNING_KEY", "IMAGE_PROXY_SIGNING_KEYS"),
            ("IMAGE_PROXY_ALLOWED_HOST", "IMAGE_PROXY_ALLOWED_HOSTS"),
            ("IMAGE_PROXY_workers", nil), ("IMAGE_PROXY_", nil), ("IMAGE_PROXY_LOGLEVEL", "IMAGE_PROXY_LOG_LEVEL"),
            ("IMAGE_PROXY_" + String(repeating: "X", count: 100_000), nil),
        ] as [(String, String?)]) func unknownKey(_ name: String, _ suggestion: String?)
    {
        let found = problems([name: "hunter2"])
        #expect(found.map(\.key) == [name])
        #expect(found.first?.note == suggestion.map { "did you mean \($0)?" })
        #expect(!"\(found)".contains("hunter2"))
    }

    @Test func theCallerOwnsTheKeyThatNamesTheFile() {
        #expect(problems(["IMAGE_PROXY_CONFIG": "/etc/image-proxy.conf"]).isEmpty)
    }

    @Test(
        "a dialect needs its keys",
        arguments: [
            (["DIALECTS": "own,camo"], "IMAGE_PROXY_SIGNING_KEYS to be set for camo"),
            (["DIALECTS": "thumbor"], "IMAGE_PROXY_SIGNING_KEYS to be set for thumbor"),
            (["IMGPROXY_KEYS": "00", "IMGPROXY_SALTS": "01"], "imgproxy to be among them, since IMAGE_PROXY_IMG"),
            (["SIGNING_KEYS": "a", "IMGPROXY_SALTS": "01"], "since IMAGE_PROXY_IMGPROXY_SALTS is set"),
            (["IMGPROXY_SOURCE_URL_ENCRYPTION_KEY": String(repeating: "0", count: 32)], "_ENCRYPTION_KEY is set"),
            (["DIALECTS": "imgproxy"], "IMAGE_PROXY_IMGPROXY_KEYS and IMAGE_PROXY_IMGPROXY_SALTS to be set"),
            (["DIALECTS": "imgproxy", "SIGNING_KEYS": "a"], "to be set for imgproxy"),
            (["DIALECTS": "imgproxy", "IMGPROXY_KEYS": "00,01", "IMGPROXY_SALTS": "00"], "which is 2"),
            (["DIALECTS": "camo", "SIGNING_KEYS": "a"], nil),
            (["DIALECTS": "imgproxy,own", "IMGPROXY_KEYS": "00", "IMGPROXY_SALTS": "01"], nil),
        ] as [([String: String], String?)])
    func dialects(_ settings: [String: String], _ saying: String?) throws {
        let prefixed = Dictionary(uniqueKeysWithValues: settings.map { ("IMAGE_PROXY_\($0)", $1) })
        let found = problems(prefixed)
        #expect(found.count == (saying == nil ? 0 : 1))
        if let saying { #expect(try #require(found.first).description.contains(saying)) }
    }

    @Test("keys of any dialect that is on do without hosts, and no others") func keysInPlaceOfHosts() throws {
        let imgproxy = ["IMAGE_PROXY_IMGPROXY_KEYS": "00", "IMAGE_PROXY_IMGPROXY_SALTS": "00"]
        #expect(throws: ConfigurationProblems.self) { try Configuration.load(environment: imgproxy) }
        let on = imgproxy.merging(["IMAGE_PROXY_DIALECTS": "imgproxy"]) { $1 }
        #expect(try Configuration.load(environment: on).signing.isRequired)
    }

    @Test func doesNotStartWithoutHostsAndKeys() throws {
        for environment in [[:], ["IMAGE_PROXY_ALLOWED_HOSTS": " "]] {
            let error = #expect(throws: ConfigurationProblems.self) { try Configuration.load(environment: environment) }
            let text = try #require(error).description
            #expect(text.contains("IMAGE_PROXY_ALLOWED_HOSTS") && text.contains("IMAGE_PROXY_SIGNING_KEYS"))
        }
        #expect(try Configuration.load(environment: ["IMAGE_PROXY_SIGNING_KEYS": "k"]).signing.keys == [Secret("k")])
    }

    @Test func aBadListOfHostsIsOneProblemNotTwo() {
        #expect(problems(["IMAGE_PROXY_ALLOWED_HOSTS": "a b"]).count == 1)
    }

    @Test(arguments: [("a\n", ["a"]), ("a,b\r\n\r\n c \n", ["a", "b", "c"]), ("a b", ["a b"])])
    func readsSigningKeysFromAFile(_ text: String, _ keys: [String]) throws {
        let configuration = try loaded(["IMAGE_PROXY_SIGNING_KEYS_FILE": "/run/secrets/keys"], secretFile: text)
        #expect(configuration.signing.keys == keys.map { Secret($0) })
        #expect(configuration.effective.contains { $0.value == "/run/secrets/keys" })
    }

    @Test(arguments: ["", "\n \n", "a,,b", ","]) func refusesAFileWithoutKeys(_ text: String) {
        let found = problems(["IMAGE_PROXY_SIGNING_KEYS_FILE": "/run/keys"], secretFile: text)
        #expect(found.map(\.value) == ["/run/keys"])
    }

    @Test func keysComeFromOnePlace() {
        let settings = ["IMAGE_PROXY_SIGNING_KEYS": "a", "IMAGE_PROXY_SIGNING_KEYS_FILE": "/run/keys"]
        let found = problems(settings, secretFile: "b")
        #expect(found.map(\.expected) == ["only one of it and IMAGE_PROXY_SIGNING_KEYS to be set"])
    }

    @Test func secretsAreNeverPrinted() throws {
        let configuration = try loaded([
            "IMAGE_PROXY_SIGNING_KEYS": "hunter2", "IMAGE_PROXY_CACHE": "redis://:hunter2@h",
        ])
        var seen = "\(configuration) \(configuration.effective)" + String(reflecting: configuration)
        dump(configuration, to: &seen)
        #expect(!seen.contains("hunter2"))
        #expect(configuration.effective.contains { $0.value == "redis://:<redacted>@h:6379/0" })
    }

    @Test func aProblemIsSafeToPrint() throws {
        let value = "\u{1b}[2J\u{202e}\n" + String(repeating: "x", count: 10_000)
        let text = try #require(problems(["IMAGE_PROXY_WORKERS": value]).first).description
        #expect(text.contains(#"\u{1b}[2J\u{202e}\u{a}xxx"#))
        #expect(text.utf8.count < 500)
    }
}

@Suite struct ConfigurationRelationTests {
    @Test(
        "two values that contradict each other are a problem of the lower one",
        arguments: [
            ("MIN_TTL", "2h", "MAX_TTL", "1h"), ("CONNECT_TIMEOUT", "5s", "TOTAL_TIMEOUT", "4s"),
            ("FIRST_BYTE_TIMEOUT", "5s", "TOTAL_TIMEOUT", "4999ms"), ("STALL_TIMEOUT", "5s", "TOTAL_TIMEOUT", "1s"),
            ("MAX_CACHE_SIZE", "2MiB", "MAX_IMAGE_SIZE", "1MiB"), ("MAX_CACHE_SIZE", "2MiB", "STORE_BUDGET", "1MiB"),
        ]) func contradiction(_ lower: String, _ low: String, _ upper: String, _ high: String)
    {
        let (lower, upper) = ("IMAGE_PROXY_" + lower, "IMAGE_PROXY_" + upper)
        let found = problems([lower: low, upper: high])
        #expect(found.map(\.key) == [lower])
        #expect(found.first?.value == low)
        #expect(found.first?.expected == "at most \(upper), which is \(high)")
        #expect(problems([lower: high, upper: high]).isEmpty, "equal values do not contradict each other")
    }

    @Test func aDefaultGivesWayToATighterBound() throws {
        let configuration = try loaded(["IMAGE_PROXY_TOTAL_TIMEOUT": "2s", "IMAGE_PROXY_MAX_IMAGE_SIZE": "1MiB"])
        #expect(configuration.fetch.connectTimeout == .seconds(2))
        #expect(configuration.fetch.firstByteTimeout == .seconds(2))
        #expect(configuration.fetch.stallTimeout == .seconds(2))
        #expect(configuration.cache.maximumSize == .mebibytes(1))
        let shown = configuration.effective.first { $0.key == "IMAGE_PROXY_FIRST_BYTE_TIMEOUT" }
        #expect(shown == EffectiveSetting(key: "IMAGE_PROXY_FIRST_BYTE_TIMEOUT", value: "2s", origin: .default))
    }

    @Test(
        "a default is never loosened",
        arguments: [("MIN_TTL", "31d"), ("FIRST_BYTE_TIMEOUT", "3m"), ("MAX_CACHE_SIZE", "101MiB")])
    func defaultStaysTight(_ key: String, _ value: String) {
        #expect(problems(["IMAGE_PROXY_" + key: value]).map(\.key) == ["IMAGE_PROXY_" + key])
    }

    @Test func theStoreBudgetGrowsWithTheGate() throws {
        #expect(try loaded(["IMAGE_PROXY_MAX_CACHE_SIZE": "100MiB"]).cache.storeBudget == .mebibytes(100))
    }

    @Test func aMalformedValueIsNotComparedToo() {
        #expect(problems(["IMAGE_PROXY_TOTAL_TIMEOUT": "1", "IMAGE_PROXY_STALL_TIMEOUT": "1h"]).count == 1)
    }

    @Test func imageAndMetadataHaveKeysOfTheirOwn() {
        #expect(problems(["IMAGE_PROXY_METADATA_KEY": "image-proxy:{url}"]).map(\.key) == ["IMAGE_PROXY_METADATA_KEY"])
    }
}
