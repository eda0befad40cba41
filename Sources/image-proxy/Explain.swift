import ProxyCore
import ProxyServer

/// Says what would become of a request for a URL, and by which rules.
enum Explain {
    static let command = Command(
        name: "explain", synopsis: "URL [--json]",
        summary: "Ask for the URL of an image as the server would, and print each decision.",
        flags: [("--json", "as JSON")], run: { run($0) })

    private static func run(_ arguments: Arguments) -> ExitStatus {
        guard arguments.operands.count == 1, let url = arguments.operands.first else {
            return Command.misused("explain needs one URL", command: command)
        }
        guard let configuration = ConfigurationLoading.load(file: arguments.value("--config")) else {
            return .configuration
        }
        let explanation = Explainer(configuration).explain(url)
        printOutput(arguments.has("--json") ? json(explanation) : text(explanation))
        return .done
    }

    private static func text(_ explanation: Explanation) -> String {
        var lines = [("url", explanation.url)]
        if let problem = explanation.problem { lines.append(("problem", problem.meaning)) }
        if explanation.needsSignature { lines.append(("signature", "needed")) }
        if let key = explanation.cacheKey { lines.append(("cache key", "\(key)")) }
        if let key = explanation.metadataKey { lines.append(("metadata", "\(key)")) }
        lines += explanation.hops.enumerated().flatMap { index, hop in
            [(index == 0 ? "asks" : "redirect", hop.source.text)] + hopLines(hop)
        }
        if let type = explanation.type { lines.append(("type", type.contentType)) }
        if explanation.type != nil {
            lines.append(("length", explanation.length.map { "\($0)" } ?? "not announced"))
        }
        if let storage = explanation.storage {
            lines.append(("admission", "\(admission(storage.admission)): \(storage.rule)"))
            lines += storage.freshness.map { freshnessLines($0) } ?? []
        }
        lines.append(("verdict", verdict(explanation)))
        return lines.map { name, value in
            name + String(repeating: " ", count: max(1, 12 - name.utf8.count)) + printable(value) + "\n"
        }.joined()
    }

    private static func admission(_ admission: Explanation.Admission) -> String {
        switch admission {
        case .admitted: "stored in the cache"
        case .refused: "not stored in the cache"
        case .bySize: "stored in the cache if it is small enough"
        }
    }

    private static func freshnessLines(_ freshness: Explanation.Freshness) -> [(String, String)] {
        [
            ("fresh for", "\(freshness.lifetime)s"),
            ("stale for", "\(freshness.staleWhileRevalidate)s while revalidated, \(freshness.staleIfError)s on errors"),
        ]
    }

    private static func hopLines(_ hop: Explanation.Hop) -> [(String, String)] {
        var lines = [("  host", "\(hop.source.host): \(hostRule(hop))"), ("  port", "\(hop.source.port)")]
        lines += hop.addresses.map { address in
            (
                "  address",
                "\(address.address): \(address.verdict.isAdmitted ? "allowed" : "denied"), \(address.verdict)"
            )
        }
        if let address = hop.connected { lines.append(("  connected", "\(address)")) }
        if let status = hop.status { lines.append(("  status", "\(status)")) }
        if let location = hop.location { lines.append(("  location", location)) }
        return lines
    }

    private static func hostRule(_ hop: Explanation.Hop) -> String {
        hop.hostPattern.map { "allowed by \($0)" } ?? "denied, no entry of IMAGE_PROXY_ALLOWED_HOSTS has it"
    }

    private static func verdict(_ explanation: Explanation) -> String {
        explanation.failure.map { "\($0.status) \($0.reason)" } ?? "200 served"
    }

    private static func json(_ explanation: Explanation) -> String {
        var text = JSONText()
        text.object { text in
            text.member("url", .string(explanation.url))
            text.member("problem", explanation.problem.map { .string($0.meaning) } ?? .null)
            text.member("needsSignature", .boolean(explanation.needsSignature))
            text.member("cacheKey", explanation.cacheKey.map { .string("\($0)") } ?? .null)
            text.member("metadataKey", explanation.metadataKey.map { .string("\($0)") } ?? .null)
            text.name("hops")
            text.array { text in for hop in explanation.hops { write(hop, to: &text) } }
            text.member("type", explanation.type.map { .string($0.contentType) } ?? .null)
            text.member("length", explanation.length.map { .integer(Int64($0)) } ?? .null)
            text.member("admission", explanation.storage.map { .string($0.admission.rawValue) } ?? .null)
            text.member("stored", explanation.storage?.isStored.map { .boolean($0) } ?? .null)
            text.member("storageRule", explanation.storage.map { .string($0.rule) } ?? .null)
            let freshness = explanation.storage?.freshness
            text.member("freshSeconds", freshness.map { .integer(Int64($0.lifetime)) } ?? .null)
            text.member(
                "staleWhileRevalidateSeconds", freshness.map { .integer(Int64($0.staleWhileRevalidate)) } ?? .null)
            text.member("staleIfErrorSeconds", freshness.map { .integer(Int64($0.staleIfError)) } ?? .null)
            text.member("status", .integer(Int64(explanation.failure?.status ?? 200)))
            text.member("reason", explanation.failure.map { .string($0.reason) } ?? .null)
        }
        return text.string + "\n"
    }

    private static func write(_ hop: Explanation.Hop, to text: inout JSONText) {
        text.object { text in
            text.member("url", .string(hop.source.text))
            text.member("host", .string("\(hop.source.host)"))
            text.member("hostRule", hop.hostPattern.map { .string("\($0)") } ?? .null)
            text.member("port", .integer(Int64(hop.source.port)))
            text.name("addresses")
            text.array { text in
                for address in hop.addresses {
                    text.object { text in
                        text.member("address", .string("\(address.address)"))
                        text.member("allowed", .boolean(address.verdict.isAdmitted))
                        text.member("rule", .string("\(address.verdict)"))
                    }
                }
            }
            text.member("connected", hop.connected.map { .string("\($0)") } ?? .null)
            text.member("status", hop.status.map { .integer(Int64($0)) } ?? .null)
            text.member("location", hop.location.map { .string($0) } ?? .null)
        }
    }
}

/// `text` as a terminal may have it: what others wrote must not move its cursor.
func printable(_ text: String) -> String {
    text.unicodeScalars.map { scalar in
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator: "\\u{\(String(scalar.value, radix: 16))}"
        default: String(scalar)
        }
    }.joined()
}
