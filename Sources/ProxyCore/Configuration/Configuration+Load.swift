extension Configuration {
    /// Reads the configuration, or says everything that is wrong with it at once.
    ///
    /// Nothing is read from the system here: the caller hands in the environment, the file's text with the name to show
    /// for it, and a way to read a file of secrets (nil: it cannot be read). The environment wins over the file.
    public static func load(
        environment: [String: String], file: (name: String, text: String)? = nil, validators: Validators = Validators(),
        readSecretFile: @escaping (String) -> String? = { _ in nil }
    ) throws(ConfigurationProblems) -> Configuration {
        var loader = ConfigurationLoader(
            context: ValueContext(
                validators: validators, readSecretFile: readSecretFile,
                fileFolder: file.flatMap { ConfigurationText.folder(of: $0.name) }))
        if let file { loader.collect(file: file.text, named: file.name) }
        loader.collect(environment)
        loader.readKnownKeys()
        loader.reportUnknownKeys()
        loader.checkTogether()
        guard loader.problems.isEmpty else { throw ConfigurationProblems(problems: loader.problems) }
        return loader.configuration
    }
}

/// One reading of the configuration, step by step in the order of `Configuration.load`.
struct ConfigurationLoader {
    let context: ValueContext
    private(set) var configuration = Configuration()
    private(set) var problems: [ConfigurationProblem] = []

    /// What was written, by key: the environment's where both speak.
    private var written: [String: EffectiveSetting] = [:]
    /// Keys whose value could not be read: what is said about them together would only confuse.
    private var malformed: Set<String> = []

    init(context: ValueContext) { self.context = context }

    mutating func collect(file text: String, named name: String) {
        let (values, fileProblems) = ConfigurationFile.parse(text)
        // Keys of others are left to them: the file may be systemd's too.
        for (key, entry) in values where key.hasPrefix(ConfigurationKey.prefix) {
            written[key] = EffectiveSetting(
                key: key, value: entry.value, origin: .file(name: name, line: entry.line))
        }
        for problem in fileProblems {
            report(nil, origin: .file(name: name, line: problem.line), expected: problem.expected)
        }
    }

    mutating func collect(_ environment: [String: String]) {
        for (key, value) in environment where key.hasPrefix(ConfigurationKey.prefix) {
            written[key] = EffectiveSetting(key: key, value: value, origin: .environment)
        }
    }

    mutating func readKnownKeys() {
        if written.isEmpty { return }
        for key in ConfigurationKey.all {
            guard let setting = written.removeValue(forKey: key.name) else { continue }
            let text = ConfigurationText.trimmed(setting.value.utf8)
            let shown = key.redact(text)
            do {
                try key.read(text, context, &configuration)
            } catch {
                malformed.insert(key.name)
                report(key.name, value: shown, origin: setting.origin, expected: key.form, note: error.note)
            }
            configuration.given[key.name] = EffectiveSetting(
                key: key.name, value: shown, origin: setting.origin)
        }
    }

    /// What is still in `written` is no key. Its value is not shown: it may be a secret under a misspelt key.
    mutating func reportUnknownKeys() {
        for setting in written.values.sorted(by: { $0.key < $1.key }) {
            let nearest = NearestName.find(setting.key, among: ConfigurationKey.all.map(\.name))
            report(
                setting.key, origin: setting.origin, expected: "a key of this program",
                note: nearest.map { "did you mean \($0)?" })
        }
    }

    mutating func checkTogether() {
        checkSource()
        checkDialects()
        checkKeyTemplates()
        checkHandover()
        var (cache, freshness, fetch) = (configuration.cache, configuration.freshness, configuration.fetch)
        let total = "IMAGE_PROXY_TOTAL_TIMEOUT"
        keep("IMAGE_PROXY_CONNECT_TIMEOUT", &fetch.connectTimeout, atMost: total, &fetch.totalTimeout)
        keep("IMAGE_PROXY_FIRST_BYTE_TIMEOUT", &fetch.firstByteTimeout, atMost: total, &fetch.totalTimeout)
        keep("IMAGE_PROXY_STALL_TIMEOUT", &fetch.stallTimeout, atMost: total, &fetch.totalTimeout)
        keep("IMAGE_PROXY_MIN_TTL", &freshness.minimumTTL, atMost: "IMAGE_PROXY_MAX_TTL", &freshness.maximumTTL)
        let gate = "IMAGE_PROXY_MAX_CACHE_SIZE"
        keep(gate, &cache.maximumSize, atMost: "IMAGE_PROXY_MAX_IMAGE_SIZE", &fetch.maximumImageSize)
        // What the gate admits has to find room while it waits, so a budget that nobody set grows with the gate.
        keep(gate, &cache.maximumSize, atMost: "IMAGE_PROXY_STORE_BUDGET", &cache.storeBudget, upperMayGrow: true)
        (configuration.cache, configuration.freshness, configuration.fetch) = (cache, freshness, fetch)
    }
}

extension ConfigurationLoader {
    private mutating func checkSource() {
        let (hosts, keys, keysFile) = (
            "IMAGE_PROXY_ALLOWED_HOSTS", "IMAGE_PROXY_SIGNING_KEYS", "IMAGE_PROXY_SIGNING_KEYS_FILE"
        )
        if let inFile = configuration.given[keysFile], configuration.given[keys] != nil {
            report(
                keysFile, value: inFile.value, origin: inFile.origin, expected: "only one of it and \(keys) to be set")
        }
        if malformed.isDisjoint(with: [hosts, keys, keysFile]), configuration.source.allowedHosts.isEmpty,
            !configuration.signing.isRequired
        {
            report(
                hosts, origin: .default,
                expected: "the hosts that images may come from, such as images.example.com; or \(keys) or \(keysFile)")
        }
    }

    /// A dialect that no request could be signed for is a mistake.
    private mutating func checkDialects() {
        let (dialects, keys, salts) = (
            "IMAGE_PROXY_DIALECTS", "IMAGE_PROXY_IMGPROXY_KEYS", "IMAGE_PROXY_IMGPROXY_SALTS"
        )
        guard malformed.isDisjoint(with: [dialects, keys, salts]) else { return }
        let signing = configuration.signing
        if signing.keys.isEmpty,
            malformed.isDisjoint(with: ["IMAGE_PROXY_SIGNING_KEYS", "IMAGE_PROXY_SIGNING_KEYS_FILE"]),
            let dialect = signing.dialects.first(where: { $0 != .own && $0 != .imgproxy })
        {
            report(
                dialects, value: text(of: dialects), origin: origin(of: dialects),
                expected: "IMAGE_PROXY_SIGNING_KEYS to be set for \(dialect.rawValue)")
        }
        guard signing.dialects.contains(.imgproxy) else {
            // Whoever sets them means that URLs are to be signed; nothing would be.
            let encryption = "IMAGE_PROXY_IMGPROXY_SOURCE_URL_ENCRYPTION_KEY"
            if let key = [keys, salts, encryption].first(where: { configuration.given[$0] != nil }),
                !malformed.contains(encryption)
            {
                report(
                    dialects, value: text(of: dialects), origin: origin(of: dialects),
                    expected: "imgproxy to be among them, since \(key) is set")
            }
            return
        }
        if signing.imgproxy.keys.isEmpty {
            report(
                dialects, value: text(of: dialects), origin: origin(of: dialects),
                expected: "\(keys) and \(salts) to be set for imgproxy")
        } else if signing.imgproxy.keys.count != signing.imgproxy.salts.count {
            report(
                salts, value: text(of: salts), origin: origin(of: salts),
                expected: "as many salts as \(keys) has keys, which is \(signing.imgproxy.keys.count)")
        }
    }

    private mutating func checkKeyTemplates() {
        if configuration.cache.imageKey == configuration.cache.metadataKey {
            let key = "IMAGE_PROXY_METADATA_KEY"
            report(
                key, value: text(of: key), origin: origin(of: key), expected: "another key than IMAGE_PROXY_CACHE_KEY")
        }
    }

    /// Only files can be handed over.
    private mutating func checkHandover() {
        let (handover, cache) = ("IMAGE_PROXY_HANDOVER", "IMAGE_PROXY_CACHE")
        guard configuration.cache.handover != nil, malformed.isDisjoint(with: [handover, cache]) else { return }
        if case .directory = configuration.cache.store { return }
        report(
            handover, value: text(of: handover), origin: origin(of: handover), expected: "\(cache) to be file:/dir")
    }

    /// Sees to `lower <= upper`. A default gives way to what the operator wrote, as long as that only tightens a bound
    /// (or `upper` is one that may grow); two that were written, or a default that would loosen, are a problem.
    private mutating func keep<Value: Comparable>(
        _ lowerName: String, _ lower: inout Value, atMost upperName: String, _ upper: inout Value,
        upperMayGrow: Bool = false
    ) {
        guard lower > upper, malformed.isDisjoint(with: [lowerName, upperName]) else { return }
        if origin(of: lowerName) == .default {
            lower = upper
            setDefault(lowerName, to: text(of: upperName))
        } else if upperMayGrow, origin(of: upperName) == .default {
            upper = lower
            setDefault(upperName, to: text(of: lowerName))
        } else {
            report(
                lowerName, value: text(of: lowerName), origin: origin(of: lowerName),
                expected: "at most \(upperName), which is \(text(of: upperName))")
        }
    }

    private mutating func setDefault(_ name: String, to text: String) {
        configuration.given[name] = EffectiveSetting(key: name, value: text, origin: .default)
    }

    private func origin(of name: String) -> ConfigurationOrigin { configuration.given[name]?.origin ?? .default }

    private func text(of name: String) -> String {
        configuration.given[name]?.value ?? ConfigurationKey.all.first { $0.name == name }?.defaultText ?? ""
    }

    private mutating func report(
        _ key: String?, value: String? = nil, origin: ConfigurationOrigin, expected: String, note: String? = nil
    ) {
        problems.append(
            ConfigurationProblem(key: key, value: value, origin: origin, expected: expected, note: note))
    }
}
