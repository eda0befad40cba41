import ProxyCore

/// Holds the installed executable to the published table of addresses.
enum SelfTest {
    static let command = Command(
        name: "selftest", synopsis: "[--json]",
        summary: "Check this executable against the published table of addresses and spellings.",
        flags: [("--json", "as JSON")], run: { run($0) })

    private static func run(_ arguments: Arguments) -> ExitStatus {
        guard arguments.operands.isEmpty else { return Command.misused("selftest takes no words", command: command) }
        let results = addresses + literals + spellings
        let failures = results.filter { !$0.isUpheld }.map(\.promise)
        if arguments.has("--json") {
            printOutput(json(checked: results.count, failures))
        } else {
            printOutput(failures.map { "failed: \($0)\n" }.joined())
            printOutput("\(results.count) checked, \(failures.count) failed\n")
        }
        return failures.isEmpty ? .done : .failed
    }

    private struct Outcome {
        let promise: String
        let isUpheld: Bool
    }

    /// Each address, as the one that is dialled.
    private static var addresses: [Outcome] {
        AddressTable.rows.map { Outcome(promise: "\($0)", isUpheld: $0.isUpheld) }
    }

    /// Each address, as the host of a URL.
    private static var literals: [Outcome] {
        AddressTable.rows.map { row in
            let host = row.address.utf8.contains(UInt8(ascii: ":")) ? "[\(row.address)]" : row.address
            return Outcome(
                promise: "http://\(host)/ is \(row.isReachable ? "let through" : "refused")",
                isUpheld: AddressTable.isRefused(host: host) != row.isReachable)
        }
    }

    /// Each way to write a host that something takes for such an address.
    private static var spellings: [Outcome] {
        AddressTable.refusedHosts.map { host in
            Outcome(
                promise: "http://\(host.debugDescription.dropFirst().dropLast())/ is refused",
                isUpheld: AddressTable.isRefused(host: host))
        }
    }

    private static func json(checked: Int, _ failures: [String]) -> String {
        var text = JSONText()
        text.object { text in
            text.member("checked", .integer(Int64(checked)))
            text.member("failed", .integer(Int64(failures.count)))
            text.name("failures")
            text.array { text in for failure in failures { text.value(.string(failure)) } }
        }
        return text.string + "\n"
    }
}
