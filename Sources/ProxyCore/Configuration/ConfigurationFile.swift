/// Reads `KEY=VALUE` lines as systemd reads an `EnvironmentFile=`, so that one file serves both (systemd.exec(5)):
/// - a line that opens with `#` or `;` is a comment, a blank line is nothing;
/// - an unquoted value loses the blanks around it; a backslash keeps the next character, and joins lines before a newline;
/// - between single quotes every character stands for itself, newlines too;
/// - between double quotes a backslash escapes `"`, `\`, `` ` `` and `$`, and joins lines; before anything else it is kept;
/// - quoted parts that follow each other are joined; of a key set twice, the last counts.
///
/// What systemd drops in silence (a line without `=`, a name that is none, a quote left open) is a problem here. A problem
/// names its line and never shows it: the line may hold a secret.
public enum ConfigurationFile {
    public struct Entry: Sendable, Equatable {
        public let value: String
        /// Where the key stands, counted from 1.
        public let line: Int
    }

    public struct Problem: Sendable, Equatable {
        public let line: Int
        public let expected: String
    }

    public static func parse(_ text: String) -> (values: [String: Entry], problems: [Problem]) {
        var reader = EnvironmentFileReader()
        var previous: UInt8 = 0
        for byte in text.utf8 {
            // CR LF and a lone CR end a line as LF does.
            if byte == UInt8(ascii: "\r") {
                reader.take(UInt8(ascii: "\n"))
            } else if byte != UInt8(ascii: "\n") || previous != UInt8(ascii: "\r") {
                reader.take(byte)
            }
            previous = byte
        }
        reader.finish()
        return (reader.values, reader.problems)
    }
}

/// The state machine of `ConfigurationFile`: one byte in, one step.
private struct EnvironmentFileReader {
    private enum State {
        case beforeKey, key, comment, beforeValue, value, escape, singleQuoted, doubleQuoted, doubleQuotedEscape
    }

    private(set) var values: [String: ConfigurationFile.Entry] = [:]
    private(set) var problems: [ConfigurationFile.Problem] = []

    private var state = State.beforeKey
    private var key: [UInt8] = []
    private var value: [UInt8] = []
    /// How much of `value` stays when the blanks that follow it are dropped.
    private var significantCount = 0
    private var line = 1
    private var keyLine = 1
    private var quoteLine = 1

    mutating func take(_ byte: UInt8) {
        switch state {
        case .beforeKey: beginLine(byte)
        case .key: continueKey(byte)
        // systemd before 254 let a backslash carry a comment on to the next line; since then, as here, it does not.
        case .comment: if byte == newline { state = .beforeKey }
        case .beforeValue: beginValue(byte)
        case .value: continueValue(byte)
        case .escape:
            state = .value
            if byte != newline { keep(byte) }
        case .singleQuoted:
            if byte == UInt8(ascii: "'") { state = .beforeValue } else { keep(byte) }
        case .doubleQuoted: continueDoubleQuoted(byte)
        case .doubleQuotedEscape:
            state = .doubleQuoted
            if !escapable.contains(byte), byte != newline { keep(backslash) }
            if byte != newline { keep(byte) }
        }
        if byte == newline { line += 1 }
    }

    mutating func finish() {
        switch state {
        case .beforeKey, .comment: break
        case .key: endKeyWithoutValue()
        case .beforeValue, .value, .escape: endValue()
        case .singleQuoted, .doubleQuoted, .doubleQuotedEscape:
            problems.append(.init(line: quoteLine, expected: "the quote that opens here to be closed"))
        }
    }

    private mutating func beginLine(_ byte: UInt8) {
        if byte == UInt8(ascii: "#") || byte == UInt8(ascii: ";") {
            state = .comment
        } else if !isBlank(byte) {
            key.removeAll(keepingCapacity: true)
            value.removeAll(keepingCapacity: true)
            significantCount = 0
            keyLine = line
            state = .key
            continueKey(byte)
        }
    }

    private mutating func continueKey(_ byte: UInt8) {
        if byte == newline {
            endKeyWithoutValue()
        } else if byte == UInt8(ascii: "=") {
            state = .beforeValue
        } else {
            key.append(byte)
        }
    }

    private mutating func beginValue(_ byte: UInt8) {
        switch byte {
        case newline: endValue()
        case UInt8(ascii: "'"): openQuote(.singleQuoted)
        case UInt8(ascii: "\""): openQuote(.doubleQuoted)
        case backslash: state = .escape
        case _ where isBlank(byte): break
        default:
            state = .value
            keep(byte)
        }
    }

    private mutating func continueValue(_ byte: UInt8) {
        if byte == newline {
            endValue()
        } else if byte == backslash {
            state = .escape
        } else if isBlank(byte) {
            value.append(byte)
        } else {
            keep(byte)
        }
    }

    private mutating func continueDoubleQuoted(_ byte: UInt8) {
        switch byte {
        case UInt8(ascii: "\""): state = .beforeValue
        case backslash: state = .doubleQuotedEscape
        default: keep(byte)
        }
    }

    private mutating func openQuote(_ quoted: State) {
        quoteLine = line
        state = quoted
    }

    private mutating func keep(_ byte: UInt8) {
        value.append(byte)
        significantCount = value.count
    }

    private mutating func endKeyWithoutValue() {
        problems.append(.init(line: keyLine, expected: "KEY=VALUE, a comment (# or ;) or a blank line"))
        state = .beforeKey
    }

    private mutating func endValue() {
        state = .beforeKey
        while let last = key.last, isBlank(last) { key.removeLast() }
        guard isName(key) else {
            let form = "a name of letters, digits and _ before the = (no export)"
            return problems.append(.init(line: keyLine, expected: form))
        }
        value.removeLast(value.count - significantCount)
        values[String(decoding: key, as: UTF8.self)] = .init(
            value: String(decoding: value, as: UTF8.self), line: keyLine)
    }

    private func isName(_ bytes: [UInt8]) -> Bool {
        guard let first = bytes.first, first < UInt8(ascii: "0") || first > UInt8(ascii: "9") else { return false }
        return bytes.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"): true
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"): true
            default: false
            }
        }
    }

    private func isBlank(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") || byte == newline
    }
}

private let newline = UInt8(ascii: "\n")
private let backslash = UInt8(ascii: "\\")
/// What a backslash escapes between double quotes, as in a shell.
private let escapable: [UInt8] = [UInt8(ascii: "\""), backslash, UInt8(ascii: "`"), UInt8(ascii: "$")]
