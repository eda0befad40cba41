import ProxyCore
import ProxyServer

/// Says all that the cache knows of an image.
enum Inspect {
    static let command = Command(
        name: "inspect", synopsis: "URL [--server P] [--json]",
        summary: "Say what the cache has of an image: its record, freshness, metadata, and who fetches it.",
        options: [
            ("--server", "P", "ask a running server for its memory too: http://127.0.0.1/api/image-proxy")
        ],
        flags: [("--json", "as JSON")], run: { run($0) })

    private static func run(_ arguments: Arguments) -> ExitStatus {
        guard arguments.operands.count == 1, let url = arguments.operands.first else {
            return Command.misused("inspect needs one URL", command: command)
        }
        guard CacheCommand.isSource(url) else { return .failed }
        let server = arguments.value("--server").map { RunningServer($0) }
        if case .some(.none) = server {
            return Command.misused(
                "--server: expected its URL, such as http://127.0.0.1/api/image-proxy", command: command)
        }
        return CacheCommand.run(arguments) { (cache) throws(CacheFailure) in
            let inspection = try cache.inspect(url)
            var memory: MemoryReport?
            if let server = server ?? nil {
                do throws(ProxyError) { memory = try server.memory(of: url, cache.fetchSettings) } catch {
                    printError("the server at \(printable(server.base)) does not say: \(error.reason)")
                    return .failed
                }
            }
            printOutput(
                arguments.has("--json")
                    ? json(inspection, memory) : table(rows(inspection) + [("memory", text(memory, inspection))]))
            return .done
        }
    }
}

/// A server that can be asked over HTTP what only its process knows.
private struct RunningServer {
    let base: String

    /// Nil where this is no URL.
    init?(_ text: String) {
        base = text.utf8.last == UInt8(ascii: "/") ? String(text.dropLast()) : text
        guard (try? SourceURL(base)) != nil else { return nil }
    }

    func memory(of urlText: String, _ settings: Configuration.Fetch) throws(ProxyError) -> MemoryReport {
        guard let url = MemoryReport.location(of: urlText, at: base) else { throw .badRequest(reason: "tooLong") }
        let answer = try DocumentFetcher.ask(url, settings)
        guard let report = try? MemoryReport.parse(answer.span) else { throw .upstream(.broken) }
        return report
    }
}

// MARK: - Text

extension Inspect {
    private static func rows(_ inspection: CacheInspection) -> [(name: String, value: String)] {
        var rows = [("url", inspection.urlText), ("cache key", "\(inspection.imageKey)")]
        rows.append(("image", inspection.image.map { value($0, inspection.place) } ?? "not in the cache"))
        if inspection.image != nil { rows.append(("sound", inspection.damage.map { "no: \($0)" } ?? "yes")) }
        if let record = inspection.record { rows += recordRows(record, inspection) }
        rows.append(("metadata key", "\(inspection.metadataKey)"))
        rows.append(("metadata", inspection.metadataValue.map { value($0, inspection.place) } ?? "none"))
        if let metadata = inspection.metadata {
            rows.append(("dimensions", "\(metadata.width)x\(metadata.height)"))
            rows.append(("", "\(metadata.contentType), \(metadata.size) bytes, since \(date(metadata.cachedAt))"))
        }
        rows.append(("lease", inspection.lease.map { lease($0) } ?? "none"))
        return rows
    }

    /// What is said of the tier in front: of a process that was asked, or what any process would do.
    private static func text(_ memory: MemoryReport?, _ inspection: CacheInspection) -> String {
        if let memory {
            guard let entry = memory.entry else { return "not in that of the server that was asked" }
            let state =
                switch entry.isCurrent {
                case true?: "as in the cache"
                case false?: "not as in the cache, so it will not be served"
                case nil: "served while the cache is away"
                }
            return "\(entry.contentType), \(entry.size) bytes, since \(date(entry.cachedAt)); \(state)"
        }
        switch inspection.fitsIntoMemory {
        case true?: return "small enough for it; --server asks one. Every process follows within a second"
        case false?: return "too large for it: each hit is read from the cache"
        case nil: return "nothing that the cache does not have is served from it"
        }
    }

    private static func recordRows(
        _ record: ImageRecord, _ inspection: CacheInspection
    ) -> [(name: String, value: String)] {
        let response = StoredResponse(record)
        var rows = [
            ("type", record.contentType), ("size", "\(record.size) bytes"),
            ("format", inspection.format?.rawValue ?? "json of another application"),
            ("cached at", date(record.cachedAt)), ("age", "\(response.age(at: inspection.time))s"),
            ("fresh until", date(response.freshUntil)), ("state", state(response, at: inspection.time)),
            ("stale use", "\(response.staleWhileRevalidate)s while revalidated, \(response.staleIfError)s on errors"),
        ]
        if let tag = response.validators.etag {
            rows.append(("etag", tag.text + (response.validators.isOwnTag ? " (of the bytes)" : "")))
        }
        if let time = response.validators.lastModified { rows.append(("last modified", date(milliseconds(time)))) }
        return rows
    }

    private static func state(_ response: StoredResponse, at now: Int64) -> String {
        let left = response.freshnessLeft(at: now)
        return switch response.use(at: now) {
        case .fresh: "fresh for \(left)s"
        case .staleWhileRevalidate: "stale since \(-left)s; served, and revalidated behind it"
        case .staleIfError: "stale since \(-left)s; served when its origin fails"
        case .unusable: "stale since \(-left)s; served after its origin has confirmed it"
        }
    }

    private static func value(_ value: CacheInspection.StoredValue, _ place: String) -> String {
        "\(value.bytes) bytes \(place), \(ends(value.expiresIn, "expires"))"
    }

    private static func lease(_ lease: CacheInspection.Lease) -> String {
        let what = lease.verdict.map { "whoever asks is told: \($0)" } ?? "somebody fetches the image"
        return "\(what); \(ends(lease.expiresIn, "ends"))"
    }

    private static func ends(_ milliseconds: Int64?, _ verb: String) -> String {
        milliseconds.map { "\(verb) in \($0 / 1000)s" } ?? "never \(verb)"
    }

    private static func date(_ milliseconds: Int64) -> String { "\(Timestamp(unixMilliseconds: milliseconds))" }

    private static func milliseconds(_ seconds: Int64) -> Int64 { seconds * 1000 }
}

// MARK: - JSON

extension Inspect {
    private static func json(_ inspection: CacheInspection, _ memory: MemoryReport?) -> String {
        var text = JSONText()
        text.object { text in
            text.member("url", .string(inspection.urlText))
            text.name("image")
            if let image = inspection.image { write(image, inspection, to: &text) } else { text.value(.null) }
            text.name("metadata")
            if let value = inspection.metadataValue {
                write(value, inspection, metadata: inspection.metadata, to: &text)
            } else {
                text.value(.null)
            }
            text.name("lease")
            if let lease = inspection.lease {
                text.object { text in
                    text.member("verdict", scalar(lease.verdict))
                    text.member("expiresInMilliseconds", scalar(lease.expiresIn))
                }
            } else {
                text.value(.null)
            }
            text.name("memory")
            if let memory { write(memory, to: &text) } else { text.value(.null) }
        }
        return text.string + "\n"
    }

    /// Null where nobody was asked.
    private static func write(_ memory: MemoryReport, to text: inout JSONText) {
        text.object { text in
            text.member("inMemory", .boolean(memory.entry != nil))
            guard let entry = memory.entry else { return }
            text.member("size", .integer(Int64(entry.size)))
            text.member("cachedAt", .integer(entry.cachedAt))
            text.member("expiresAt", .integer(entry.expiresAt))
            text.member("current", entry.isCurrent.map { .boolean($0) } ?? .null)
        }
    }

    private static func write(
        _ value: CacheInspection.StoredValue, _ inspection: CacheInspection, to text: inout JSONText
    ) {
        text.object { text in
            text.member("key", .string("\(inspection.imageKey)"))
            text.member("bytes", .integer(Int64(value.bytes)))
            text.member("expiresInMilliseconds", scalar(value.expiresIn))
            text.member("sound", .boolean(inspection.damage == nil))
            text.member("damage", scalar(inspection.damage))
            text.member("format", scalar(inspection.format?.rawValue))
            guard let record = inspection.record else { return }
            text.member("contentType", .string(record.contentType))
            text.member("size", .integer(Int64(record.size)))
            text.member("cachedAt", .integer(record.cachedAt))
            text.member("expiresAt", .integer(record.expiresAt))
            write(StoredResponse(record), at: inspection.time, to: &text)
        }
    }

    private static func write(_ response: StoredResponse, at now: Int64, to text: inout JSONText) {
        text.member("state", .string(name(response.use(at: now))))
        text.member("ageSeconds", .integer(Int64(response.age(at: now))))
        text.member("freshSeconds", .integer(Int64(response.freshnessLeft(at: now))))
        text.member("staleWhileRevalidateSeconds", .integer(Int64(response.staleWhileRevalidate)))
        text.member("staleIfErrorSeconds", .integer(Int64(response.staleIfError)))
        text.member("etag", scalar(response.validators.etag?.text))
        text.member("lastModified", scalar(response.validators.lastModified.map { milliseconds($0) }))
    }

    private static func write(
        _ value: CacheInspection.StoredValue, _ inspection: CacheInspection, metadata: ImageMetadata?,
        to text: inout JSONText
    ) {
        text.object { text in
            text.member("key", .string("\(inspection.metadataKey)"))
            text.member("bytes", .integer(Int64(value.bytes)))
            text.member("expiresInMilliseconds", scalar(value.expiresIn))
            text.member("sound", .boolean(metadata != nil))
            guard let metadata else { return }
            text.member("width", .integer(Int64(metadata.width)))
            text.member("height", .integer(Int64(metadata.height)))
            text.member("contentType", .string(metadata.contentType))
            text.member("size", .integer(Int64(metadata.size)))
            text.member("cachedAt", .integer(metadata.cachedAt))
        }
    }

    private static func name(_ use: StoredResponse.Use) -> String {
        switch use {
        case .fresh: "fresh"
        case .staleWhileRevalidate: "stale-while-revalidate"
        case .staleIfError: "stale-if-error"
        case .unusable: "stale"
        }
    }

    private static func scalar(_ text: String?) -> JSONScalar { text.map { .string($0) } ?? .null }
    private static func scalar(_ number: Int64?) -> JSONScalar { number.map { .integer($0) } ?? .null }
}
