import ProxyCore
import ProxyServer

/// Removes images from the cache, with all that belongs to them.
enum Purge {
    static let command = Command(
        name: "purge", synopsis: "URL | --host H | --prefix P | --older-than T | --all [--dry-run] [--json]",
        summary: "Remove images from the cache, with their metadata and leases. Every process follows within a second.",
        options: [
            ("--host", "H", "those of a host: images.example.com, or *.example.com for its subdomains"),
            ("--prefix", "P", "those whose URL begins with P, such as https://images.example.com/avatars/"),
            (
                "--older-than", "T",
                "those that came into the cache more than T ago: 12h, 7d; also with --host or --prefix"
            ),
        ],
        flags: [
            ("--all", "all of them"), ("--dry-run", "remove nothing; print the URLs, one a line"),
            ("--json", "as JSON, with --dry-run without the URLs"),
        ],
        run: { run($0) })

    private static func run(_ arguments: Arguments) -> ExitStatus {
        let selection: CacheSelection
        do throws(Arguments.Mistake) { selection = try Self.selection(arguments) } catch {
            return Command.misused(error.text, command: command)
        }
        if case .url(let url) = selection.scope, !CacheCommand.isSource(url) { return .failed }
        let isDryRun = arguments.has("--dry-run")
        let isJSON = arguments.has("--json")
        return CacheCommand.runLong(arguments) { (cache, supervision, progress) throws(CacheFailure) in
            let report = try cache.purge(selection, isDryRun: isDryRun, supervision) { url in
                if isDryRun, !isJSON { printOutput(printable(url) + "\n") }
            }
            progress.end()
            if isJSON {
                printOutput(json(report, isDryRun))
            } else if isDryRun {
                printError(raw: text(report, isDryRun))
            } else {
                printOutput(text(report, isDryRun))
            }
            return report.isComplete
        }
    }

    /// Exactly one way to say what is meant: nobody shall purge more than was meant.
    private static func selection(_ arguments: Arguments) throws(Arguments.Mistake) -> CacheSelection {
        let age = try arguments.value("--older-than").map { (text) throws(Arguments.Mistake) in try Self.age(text) }
        var scopes = try arguments.operands.map { (url) throws(Arguments.Mistake) in CacheSelection.Scope.url(url) }
        if let text = arguments.value("--host") {
            guard text != "*", let pattern = HostPattern(text) else {
                throw Arguments.Mistake(text: "--host \(text): expected a host, or *. and a domain")
            }
            scopes.append(.host(pattern))
        }
        if let text = arguments.value("--prefix") {
            guard let prefix = URLPrefix(text) else {
                throw Arguments.Mistake(text: "--prefix \(text): expected an http or https URL up to its path at least")
            }
            scopes.append(.prefix(prefix))
        }
        if arguments.has("--all") { scopes.append(.all) }
        guard let scope = scopes.first ?? (age == nil ? nil : .all), scopes.count <= 1 else {
            throw Arguments.Mistake(text: "purge needs one URL, --host, --prefix, --older-than or --all")
        }
        if age != nil, arguments.has("--all") || !arguments.operands.isEmpty {
            throw Arguments.Mistake(text: "--older-than goes alone, with --host or with --prefix")
        }
        return CacheSelection(scope, olderThan: age)
    }

    private static func age(_ text: String) throws(Arguments.Mistake) -> Duration {
        guard let age = Duration(configurationText: text), age > .zero else {
            throw Arguments.Mistake(text: "--older-than \(text): expected a time such as 12h")
        }
        return age
    }

    private static func text(_ report: PurgeReport, _ isDryRun: Bool) -> String {
        let counts = CacheKeys.Kind.allCases.map { "\(report.counts[$0] ?? 0) \(name($0))" }.joined(separator: ", ")
        return (isDryRun ? "would purge " : "purged ") + counts
            + (report.isComplete ? "\n" : "; stopped before the end\n")
    }

    private static func json(_ report: PurgeReport, _ isDryRun: Bool) -> String {
        var text = JSONText()
        text.object { text in
            text.member("dryRun", .boolean(isDryRun))
            text.member("complete", .boolean(report.isComplete))
            for kind in CacheKeys.Kind.allCases {
                text.member(name(kind), .integer(Int64(report.counts[kind] ?? 0)))
            }
        }
        return text.string + "\n"
    }

    private static func name(_ kind: CacheKeys.Kind) -> String {
        switch kind {
        case .image: "images"
        case .metadata: "metadata"
        case .lease: "leases"
        case .draft: "drafts"
        }
    }
}
