import ProxyCore

/// Reads the configuration as the server would and says what is in force, or everything that is wrong with it.
enum CheckConfig {
    static let command = Command(
        name: "check-config", synopsis: "[--json]", summary: "Check the configuration and show what is in force.",
        flags: [("--json", "as JSON")], run: { run($0) })

    private static func run(_ arguments: Arguments) -> ExitStatus {
        guard arguments.operands.isEmpty else {
            return Command.misused("check-config takes no words", command: command)
        }
        guard let configuration = ConfigurationLoading.load(file: arguments.value("--config")) else {
            return .configuration
        }
        printOutput(arguments.has("--json") ? json(configuration.effective) : text(configuration.effective))
        return .done
    }

    private static func text(_ settings: [EffectiveSetting]) -> String {
        let width = settings.map(\.key.utf8.count).max() ?? 0
        return settings.map { setting in
            let gap = String(repeating: " ", count: width - setting.key.utf8.count)
            return "\(setting.key)\(gap)  \(setting.value)  (\(setting.origin))\n"
        }.joined()
    }

    private static func json(_ settings: [EffectiveSetting]) -> String {
        var text = JSONText()
        text.object { text in
            for setting in settings {
                text.name(setting.key)
                text.object { text in
                    text.member("value", .string(setting.value))
                    text.member("origin", .string("\(setting.origin)"))
                    guard let key = ConfigurationKey.all.first(where: { $0.name == setting.key }) else { return }
                    text.member("default", .string(key.defaultText))
                    text.member("form", .string(key.form))
                    text.member("meaning", .string(key.meaning))
                }
            }
        }
        return text.string + "\n"
    }
}
