import ProxyCore
import ProxyServer

/// What commands that work on the cache have in common.
enum CacheCommand {
    /// Runs `body` on the cache that the configuration names. Why that cannot be is on standard error.
    static func run(
        _ arguments: Arguments, _ body: (CacheOperator) throws(CacheFailure) -> ExitStatus
    ) -> ExitStatus {
        guard let configuration = ConfigurationLoading.load(file: arguments.value("--config")) else {
            return .configuration
        }
        do throws(CacheFailure) {
            return try body(
                CacheOperator(configuration, logger: ConfigurationLoading.quietLogger(configuration.log)))
        } catch {
            return failed(error)
        }
    }

    static func failed(_ failure: CacheFailure) -> ExitStatus {
        printError("the cache cannot be used: \(failure)")
        return .failed
    }

    /// The same for work that takes long: it shows how far it is, and a signal stops it.
    static func runLong(
        _ arguments: Arguments, _ body: (CacheOperator, Supervision, ProgressDisplay) throws(CacheFailure) -> Bool
    ) -> ExitStatus {
        Interruption.during { interruption in
            run(arguments) { (cache) throws(CacheFailure) in
                let progress = ProgressDisplay(of: "keys")
                defer { progress.end() }
                let supervision = Supervision(
                    isStopped: { interruption.isStopped }, advanced: { progress.advance($0, of: $1) })
                return try body(cache, supervision, progress) ? .done : .interrupted
            }
        }
    }

    /// The URL that a command was given, if it is one that could be in the cache. Why not is on standard error.
    static func isSource(_ url: String) -> Bool {
        do {
            _ = try ImageRequest(urlText: url)
            return true
        } catch {
            let reason = if case .denied(let denial) = error { denial.reason } else { "\(error)" }
            printError("not the URL of an image that can be fetched: \(reason)")
            return false
        }
    }
}

/// Names and values, one pair a line, the values below each other.
func table(_ rows: [(name: String, value: String)]) -> String {
    let width = (rows.map(\.name.utf8.count).max() ?? 0) + 2
    return rows.map { name, value in
        name + String(repeating: " ", count: width - name.utf8.count) + printable(value) + "\n"
    }.joined()
}
