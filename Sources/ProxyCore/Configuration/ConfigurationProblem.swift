/// Where a setting came from.
public enum ConfigurationOrigin: Sendable, Equatable, CustomStringConvertible {
    case `default`
    case file(name: String, line: Int)
    case environment

    public var description: String {
        switch self {
        case .default: "default"
        case .file(let name, let line): "\(name):\(line)"
        case .environment: "environment"
        }
    }
}

/// One thing that keeps the program from starting, in words for the one who has to mend it.
public struct ConfigurationProblem: Sendable, Equatable, CustomStringConvertible {
    /// The key; nil where a line of the file could not be read at all.
    public let key: String?
    /// The value seen, with its secrets redacted; nil where there is none, or where it may be a misplaced secret.
    public let value: String?
    public let origin: ConfigurationOrigin
    /// The form expected.
    public let expected: String
    /// What in particular is wrong with this value.
    public let note: String?

    init(key: String?, value: String? = nil, origin: ConfigurationOrigin, expected: String, note: String? = nil) {
        self.key = key
        self.value = value
        self.origin = origin
        self.expected = expected
        self.note = note
    }

    /// One line, for a terminal: `IMAGE_PROXY_WORKERS="many" (environment): expected a whole number from 1 to 1024`.
    public var description: String {
        var text = key.map(printable) ?? "a line"
        if let value { text += "=\"\(printable(value))\"" }
        if origin != .default { text += " (\(printable(origin.description)))" }
        text += ": expected \(expected)"
        if let note { text += "; \(printable(note))" }
        return text
    }
}

/// Every problem of a configuration, found in one pass.
public struct ConfigurationProblems: Error, Sendable, Equatable, CustomStringConvertible {
    public let problems: [ConfigurationProblem]

    /// A line a problem.
    public var description: String { problems.map(\.description).joined(separator: "\n") }
}

/// `text` safe to show on a terminal: short, and without what would move the cursor or reorder the line.
private func printable(_ text: String) -> String {
    let limit = 200
    var shown = ""
    for scalar in text.unicodeScalars.prefix(limit) {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .unassigned:
            shown += "\\u{\(String(scalar.value, radix: 16))}"
        default: shown.unicodeScalars.append(scalar)
        }
    }
    return text.unicodeScalars.count > limit ? shown + "…" : shown
}
