import ProxyCore
import ProxyServer

/// Says what is in the cache now.
enum Stats {
    static let command = Command(
        name: "stats", synopsis: "[--json]", summary: "Say what is in the cache now.",
        flags: [("--json", "as JSON, with the names that P/stats uses")], run: { run($0) })

    private static func run(_ arguments: Arguments) -> ExitStatus {
        guard arguments.operands.isEmpty else { return Command.misused("stats takes no words", command: command) }
        guard let configuration = ConfigurationLoading.load(file: arguments.value("--config")) else {
            return .configuration
        }
        do {
            let statistics = try statistics(configuration)
            printOutput(arguments.has("--json") ? json(statistics) : text(statistics))
            return .done
        } catch {
            printError("the cache cannot be read: \(error)")
            return .failed
        }
    }

    /// Where there is no cache, there is nothing in it.
    private static func statistics(_ configuration: Configuration) throws(CacheFailure) -> CacheStatistics {
        guard configuration.cache.store != .off else { return CacheStatistics() }
        let logger = ConfigurationLoading.logger(configuration.log)
        return try CacheOperator(configuration, logger: logger).statistics()
    }

    private static func json(_ statistics: CacheStatistics) -> String {
        var text = JSONText()
        text.object { statistics.write(to: &$0) }
        return text.string + "\n"
    }

    private static func text(_ statistics: CacheStatistics) -> String {
        """
        images   \(statistics.totalImages)
        bytes    \(statistics.totalSize)
        oldest   \(statistics.oldestCache.map { Timestamp(unixMilliseconds: $0).description } ?? "-")
        newest   \(statistics.newestCache.map { Timestamp(unixMilliseconds: $0).description } ?? "-")

        """
    }
}
