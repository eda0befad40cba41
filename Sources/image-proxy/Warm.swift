import ProxyCore
import ProxyServer

/// Brings images into the cache before anybody asks for them.
enum Warm {
    static let command = Command(
        name: "warm", synopsis: "[FILE | URL | -] [options]",
        summary: "Fetch the images of a list, a sitemap or an HTML page into the cache, unless they are fresh there.",
        options: [
            ("--as", "FORM", "\(WarmDocument.Form.allCases.map(\.rawValue).joined(separator: ", ")) (as it looks)"),
            ("--base", "URL", "what the references of a page are relative to, where it was not fetched"),
            ("--mount", "P", "the proxy's own path, whose URLs stand for the images they ask for (/api/image-proxy)"),
            ("--concurrency", "N", "images that are fetched at once, 1 to \(Warmer.mostConcurrent) (4)"),
            ("--rate", "N", "images that are asked for in a second, such as 10 or 0.5 (no limit)"),
            ("--resume", "FILE", "note in FILE what is done, and leave out what was; gone when all is done"),
        ],
        flags: [("--json", "as JSON")], run: { run($0) })

    private static func run(_ arguments: Arguments) -> ExitStatus {
        let settings: WarmSettings
        do throws(Arguments.Mistake) { settings = try WarmSettings(arguments) } catch {
            return Command.misused(error.text, command: command)
        }
        guard let configuration = ConfigurationLoading.load(file: arguments.value("--config")) else {
            return .configuration
        }
        do throws(CacheFailure) {
            return try run(settings, configuration, isJSON: arguments.has("--json"))
        } catch {
            return CacheCommand.failed(error)
        }
    }

    private static func run(
        _ settings: WarmSettings, _ configuration: Configuration, isJSON: Bool
    ) throws(CacheFailure) -> ExitStatus {
        let logger = ConfigurationLoading.quietLogger(configuration.log)
        try CacheOperator(configuration, logger: logger).check()
        var reading = WarmReading(settings, configuration)
        // Until there is something to be ended well, a signal ends us as it ends anybody.
        guard reading.read(), let log = ResumeLog(settings.resumeFile) else { return .failed }
        let warmer = try Warmer(configuration, concurrency: settings.concurrency, logger: logger)
        return Interruption.during { interruption in
            let summary = warm(reading, warmer, log, rate: settings.rate, interruption)
            printOutput(isJSON ? summary.json : summary.text)
            if interruption.isStopped { return .interrupted }
            return summary.failed == 0 ? .done : .failed
        }
    }

    private static func warm(
        _ reading: WarmReading, _ warmer: Warmer, _ log: ResumeLog, rate: Double?, _ interruption: Interruption
    ) -> WarmTally.Summary {
        let rest = reading.urls.filter { !log.contains($0) }
        let tally = WarmTally(
            images: reading.urls.count, ignored: reading.ignored, failures: reading.failures,
            skipped: reading.urls.count - rest.count)
        warmer.run(rest, rate: rate, isStopped: { interruption.isStopped }) { url, outcome in
            if !outcome.isFailure { log.add(url) }
            tally.count(url, outcome)
        }
        let summary = tally.end()
        if summary.isComplete, summary.failed == 0 { log.remove() }
        return summary
    }
}

/// What the words behind `warm` ask for.
struct WarmSettings {
    let source: String
    let form: WarmDocument.Form?
    let base: SourceURL?
    let mount: String
    let concurrency: Int
    let rate: Double?
    let resumeFile: String?

    init(_ arguments: Arguments) throws(Arguments.Mistake) {
        guard arguments.operands.count <= 1 else { throw Arguments.Mistake(text: "warm reads one file, URL or -") }
        source = arguments.operands.first ?? "-"
        mount = arguments.value("--mount") ?? "/api/image-proxy"
        resumeFile = arguments.value("--resume")
        form = try Self.read("--as", arguments, expected: "list, sitemap or html") { WarmDocument.Form(rawValue: $0) }
        base = try Self.read("--base", arguments, expected: "an http or https URL") { try? SourceURL($0) }
        concurrency =
            try Self.read("--concurrency", arguments, expected: "a number from 1 to \(Warmer.mostConcurrent)") {
                Int($0).flatMap { 1...Warmer.mostConcurrent ~= $0 ? $0 : nil }
            } ?? 4
        rate = try Self.read("--rate", arguments, expected: "a number from 0.001 to 100000") {
            Double($0).flatMap { 0.001...100_000 ~= $0 ? $0 : nil }
        }
    }

    private static func read<Value>(
        _ option: String, _ arguments: Arguments, expected: String, _ parse: (String) -> Value?
    ) throws(Arguments.Mistake) -> Value? {
        guard let text = arguments.value(option) else { return nil }
        guard let value = parse(text) else { throw Arguments.Mistake(text: "\(option) \(text): expected \(expected)") }
        return value
    }
}

extension WarmOutcome {
    var isFailure: Bool { if case .failed = self { true } else { false } }
}
