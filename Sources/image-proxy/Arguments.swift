/// The words behind a command's name, sorted into options, flags and operands.
///
/// Ours and not a library's: a CGI process pays for what is linked with every request, and an argument parser would be
/// half of the executable.
struct Arguments {
    private var values: [String: String] = [:]
    private var flags: Set<String> = []
    private(set) var operands: [String] = []

    struct Mistake: Error { let text: String }

    /// `options` take a value (`--name value` or `--name=value`), `flags` none. `--` ends them.
    init(_ words: [String], options: Set<String>, flags known: Set<String>) throws(Mistake) {
        var rest = words[...]
        while let word = rest.popFirst() {
            if word == "--" {
                operands += rest
                return
            }
            guard word.hasPrefix("--") else {
                if word.hasPrefix("-"), word != "-" { throw Mistake(text: "unknown option \(word)") }
                operands.append(word)
                continue
            }
            let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            if known.contains(parts[0]), parts.count == 1 {
                flags.insert(parts[0])
            } else if options.contains(parts[0]) {
                guard let value = parts.count == 2 ? parts[1] : rest.popFirst() else {
                    throw Mistake(text: "\(parts[0]) needs a value")
                }
                values[parts[0]] = value
            } else {
                throw Mistake(text: "unknown option \(parts[0])")
            }
        }
    }

    func value(_ option: String) -> String? { values[option] }
    func has(_ flag: String) -> Bool { flags.contains(flag) }
}
