import ProxyCore
import ProxyServer

/// Removes from the cache what is of no use to anybody.
enum Clean {
    static let command = Command(
        name: "clean", synopsis: "[--dry-run] [--json]",
        summary: "Read the whole cache and remove what is damaged, orphaned or left behind.",
        flags: [("--dry-run", "remove nothing; only say what there is"), ("--json", "as JSON")], run: { run($0) })

    private static func run(_ arguments: Arguments) -> ExitStatus {
        guard arguments.operands.isEmpty else { return Command.misused("clean takes no words", command: command) }
        let isDryRun = arguments.has("--dry-run")
        return CacheCommand.runLong(arguments) { (cache, supervision, progress) throws(CacheFailure) in
            let report = try cache.clean(isDryRun: isDryRun, supervision)
            progress.end()
            printOutput(arguments.has("--json") ? json(report, isDryRun) : text(report, isDryRun))
            return report.isComplete
        }
    }

    private static func text(_ report: CleanReport, _ isDryRun: Bool) -> String {
        let kinds = Waste.allCases.map { (name: $0.rawValue, value: "\(report.found[$0] ?? 0)  \(meaning($0))") }
        let end = report.isComplete ? "" : "; stopped before the end"
        let verb = isDryRun ? "would be removed" : "removed"
        return table([("keys", "\(report.checked) looked at\(end)")] + kinds + [("bytes", "\(report.bytes) \(verb)")])
    }

    private static func meaning(_ waste: Waste) -> String {
        switch waste {
        case .cut: "images that are not as long as their record says"
        case .damaged: "records that cannot be read"
        case .foreign: "values in another format"
        case .orphan: "metadata of images that have gone"
        case .draft: "temporary keys without an expiry"
        case .lease: "leases that never end"
        }
    }

    private static func json(_ report: CleanReport, _ isDryRun: Bool) -> String {
        var text = JSONText()
        text.object { text in
            text.member("dryRun", .boolean(isDryRun))
            text.member("complete", .boolean(report.isComplete))
            text.member("checked", .integer(Int64(report.checked)))
            for waste in Waste.allCases { text.member(waste.rawValue, .integer(Int64(report.found[waste] ?? 0))) }
            text.member("bytes", .integer(Int64(report.bytes)))
        }
        return text.string + "\n"
    }
}
