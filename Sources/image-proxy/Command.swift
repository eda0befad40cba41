import ProxyCore
import ProxyServer

/// The operator's commands: what each is called, takes and does.
struct Command: Sendable {
    let name: String
    /// Behind the name, for the usage line.
    let synopsis: String
    let summary: String
    /// Options of its own that take a value, and what each means.
    var options: [(name: String, meaning: String)] = []
    var flags: [(name: String, meaning: String)] = []
    let run: @Sendable (Arguments) -> ExitStatus

    static let all = [
        Serve.command, Stats.command, Inspect.command, Purge.command, Warm.command, Clean.command, Sign.command,
        Explain.command, CheckConfig.command, SelfTest.command,
    ]

    private static let commonOption = (name: "--config", meaning: "FILE  read the configuration from FILE")
    private static let commonFlag = (name: "--help", meaning: "say what the command does")

    /// Runs what the words ask for.
    static func run(_ words: [String]) -> ExitStatus {
        guard let name = words.first else { return misused("a command is missing") }
        if name == "--version", words.count == 1 {
            printOutput("image-proxy \(ProgramVersion.text)\n")
            return .done
        }
        if name == "--help" || name == "help" {
            printOutput(usage)
            return .done
        }
        guard let command = all.first(where: { $0.name == name }) else { return misused("there is no command \(name)") }
        return command.run(Array(words.dropFirst()))
    }

    private func run(_ words: [String]) -> ExitStatus {
        let options = self.options + [Self.commonOption]
        let flags = self.flags + [Self.commonFlag]
        do throws(Arguments.Mistake) {
            let arguments = try Arguments(
                words, options: Set(options.map(\.name)), flags: Set(flags.map(\.name)))
            if arguments.has("--help") {
                printOutput(help)
                return .done
            }
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
        let lines = (options + [Self.commonOption] + flags + [Self.commonFlag]).map {
            "  \(pad($0.name)) \($0.meaning)\n"
        }
        return "usage: image-proxy \(name) \(synopsis)\n\n\(summary)\n\n" + lines.joined()
    }

    static var usage: String {
        let lines = all.map { "  \(pad($0.name)) \($0.summary)\n" }
        return """
            usage: image-proxy COMMAND [--config FILE] [--help]
                   image-proxy --version

            \(lines.joined())
            Without a command it answers FastCGI on the listening socket that it was started with (spawn-fcgi, lighttpd,
            mod_fcgid, systemd), or the one request of a CGI program.

            """
    }
}

private func pad(_ text: String) -> String { text + String(repeating: " ", count: max(0, 16 - text.count)) }
