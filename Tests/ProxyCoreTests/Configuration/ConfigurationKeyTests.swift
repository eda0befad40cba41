import Testing

@testable import ProxyCore

/// A value that is accepted, and what it makes of the configuration.
struct Accepted: Sendable, CustomTestStringConvertible {
    let key: String
    let text: String
    /// What has to be set, too.
    let others: [String: String]
    let set: @Sendable (inout Configuration) -> Void

    init(
        _ key: String, _ text: String, with others: [String: String] = [:],
        _ set: @escaping @Sendable (inout Configuration) -> Void
    ) {
        (self.key, self.text, self.set) = ("IMAGE_PROXY_" + key, text, set)
        self.others = Dictionary(uniqueKeysWithValues: others.map { ("IMAGE_PROXY_" + $0, $1) })
    }

    var testDescription: String { "\(key)=\(text)" }
}

/// Values of a key that are refused, and a part of what is said about each.
struct Refused: Sendable, CustomTestStringConvertible {
    let key: String
    let texts: [String]
    let saying: String

    init(_ key: String, _ texts: [String], _ saying: String) {
        (self.key, self.texts, self.saying) = ("IMAGE_PROXY_" + key, texts, saying)
    }

    var testDescription: String { key }
}

@Suite struct ConfigurationKeyTests {
    @Test("the default in the table is the default in the code", arguments: ConfigurationKey.all.map(\.name))
    func defaults(_ name: String) throws {
        let key = try #require(ConfigurationKey.all.first { $0.name == name })
        if key.isDefaultInWords { return }
        #expect(try areas(loaded([name: key.defaultText])) == areas(loaded([:])))
    }

    @Test func namesAreUniqueAndEveryRowIsWhole() {
        #expect(Set(ConfigurationKey.all.map(\.name)).count == ConfigurationKey.all.count)
        for key in ConfigurationKey.all {
            #expect(key.name.hasPrefix(ConfigurationKey.prefix))
            #expect(!key.form.isEmpty && !key.meaning.isEmpty && !key.defaultText.isEmpty)
        }
    }

    @Test("good values", arguments: KeyTable.accepted) func accepts(_ row: Accepted) throws {
        var expected = try areas(loaded(row.others))
        row.set(&expected)
        #expect(try areas(loaded(row.others.merging([row.key: row.text]) { $1 })) == expected)
    }

    @Test("bad values", arguments: KeyTable.refused) func refuses(_ row: Refused) throws {
        let key = try #require(ConfigurationKey.all.first { $0.name == row.key })
        for text in row.texts {
            let found = problems([row.key: text])
            #expect(found.map(\.key) == [row.key], "\(text)")
            let problem = try #require(found.first)
            #expect(problem.origin == .environment)
            #expect(problem.expected == key.form)
            #expect(problem.description.contains(row.saying), "\(problem)")
        }
    }

    @Test func everyKeyHasGoodAndBadValues() {
        let names = Set(ConfigurationKey.all.map(\.name)).subtracting(["IMAGE_PROXY_CONFIG"])
        // The file of signing keys has tests of its own, for it needs a file.
        #expect(Set(KeyTable.accepted.map(\.key)) == names.subtracting(["IMAGE_PROXY_SIGNING_KEYS_FILE"]))
        #expect(Set(KeyTable.refused.map(\.key)) == names)
    }

    @Test func chunkIsRoundedDownToAMultipleOfThree() throws {
        #expect(try loaded([:]).cache.chunkSize.bytes == 1_048_575)
        #expect(try loaded(["IMAGE_PROXY_CHUNK_SIZE": "3KiB"]).cache.chunkSize.bytes == 3072)
        #expect(try loaded(["IMAGE_PROXY_CHUNK_SIZE": "3074"]).cache.chunkSize.bytes == 3072)
    }

    @Test func validatorsJudgeTheListsOfThePolicy() throws {
        let validators = Configuration.Validators(
            host: { $0 == "good.example" }, network: { $0 == "10.0.0.0/8" }, adminNetwork: { $0 == "192.0.2.0/24" })
        func load(_ host: String, _ network: String, _ admin: String) throws(ConfigurationProblems) -> Configuration {
            try Configuration.load(
                environment: [
                    "IMAGE_PROXY_ALLOWED_HOSTS": host, "IMAGE_PROXY_ALLOWED_NETWORKS": network,
                    "IMAGE_PROXY_ADMIN_NETWORKS": admin,
                ], validators: validators)
        }
        #expect(try load("good.example", "10.0.0.0/8", "loopback,192.0.2.0/24").server.adminNetworks.count == 3)
        let error = #expect(throws: ConfigurationProblems.self) { try load("good.example,bad", "bad", "bad") }
        #expect(error?.problems.map(\.note) == Array(repeating: "\"bad\" is not one", count: 3))
    }
}
