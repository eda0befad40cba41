import ProxyCore
import ProxyServer

/// The operator's commands: what each is called, takes and does.
struct Command: Sendable {
    let name: String
    /// Behind the name, for the usage line.
    let synopsis: String
    let summary: String
    /// Options of its own that take a value, what to write for that, and what each means.
    var options: [(name: String, value: String, meaning: String)] = []
    var flags: [(name: String, meaning: String)] = []
    let run: @Sendable (Arguments) -> ExitStatus

    static let all = [
        Serve.command, Stats.command, Inspect.command, Purge.command, Warm.command, Clean.command, Sign.command,
        Explain.command, CheckConfig.command, SelfTest.command,
    ]

    private static let commonOption = (
        name: "--config", value: "FILE", meaning: "read the configuration from FILE"
    )
    private static let commonFlag = (name: "--help", meaning: "say what the command does")

    /// Runs what the words ask for.
    static func run(_ words: [String]) -> ExitStatus {
        guard let name = words.first else { return misused("a command is missing") }
        if name == "--version", words.count == 1 {
            printOutput("image-proxy \(ProgramVersion.text)\n")
            return .done
        }
        if helpWords.contains(name) || name == "help" {
            guard words.count > 1 else { return shown(usage) }
            return run([words[1], "--help"])
        }
        guard let command = all.first(where: { $0.name == name }) else { return misused("there is no command \(name)") }
        return command.run(Array(words.dropFirst()))
    }

    private static let helpWords: Set = ["--help", "-h"]

    private static func shown(_ help: String) -> ExitStatus {
        printOutput(help)
        return .done
    }

    private func run(_ words: [String]) -> ExitStatus {
        // Whoever asks for help may not know yet what else has to be there.
        if words.prefix(while: { $0 != "--" }).contains(where: Self.helpWords.contains) { return Self.shown(help) }
        let options = self.options + [Self.commonOption]
        let flags = self.flags + [Self.commonFlag]
        do throws(Arguments.Mistake) {
            let arguments = try Arguments(
                words, options: Set(options.map(\.name)), flags: Set(flags.map(\.name)))
            return run(arguments)
        } catch {
            return Self.misused(error.text, command: self)
        }
    }

    static func misused(_ text: String, command: Command? = nil) -> ExitStatus {
        printError("\(text)\n" + (command?.help ?? usage))
        return .usage
    }

    private var help: String {
        let rows =
            (options + [Self.commonOption]).map { ("\($0.name) \($0.value)", $0.meaning) }
            + (flags + [Self.commonFlag]).map { ($0.name, $0.meaning) }
        return "usage: image-proxy \(name) \(synopsis)\n\n\(summary)\n\n" + Self.columns(rows)
    }

    static var usage: String {
        """
        usage: image-proxy COMMAND [--config FILE] [--help]
               image-proxy --version

        \(columns(all.map { ($0.name, $0.summary) }))
        Without a command it answers FastCGI on the listening socket that it was started with (spawn-fcgi, lighttpd,
        mod_fcgid, systemd), or the one request of a CGI program.

        """
    }

    private static func columns(_ rows: [(String, String)]) -> String {
        let width = (rows.map(\.0.count).max() ?? 0) + 2
        return rows.map { "  \($0)\(String(repeating: " ", count: width - $0.count))\($1)\n" }.joined()
    }
}
