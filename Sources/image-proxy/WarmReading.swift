import Glibc
import ProxyCore
import ProxyServer

/// Reads what names the images that are to be warmed.
struct WarmReading {
    /// Each once, in the order of the documents.
    private(set) var urls: [String] = []
    /// References that are no URL of an image: of another scheme, or relative to nobody knows what.
    private(set) var ignored = 0
    /// Sitemaps of an index that could not be read.
    private(set) var failures: [WarmTally.Failure] = []

    private let settings: WarmSettings
    private let configuration: Configuration
    private var seen: Set<[UInt8]> = []
    /// Those of an index, which are no indexes themselves and no more than this (sitemaps.org).
    private var sitemaps: [String] = []
    private static let mostSitemaps = 50_000
    private var host: SourceURL.Host?

    private static let longestDocument = DocumentFetcher.maximumLength

    init(_ settings: WarmSettings, _ configuration: Configuration) {
        self.settings = settings
        self.configuration = configuration
        host = settings.base?.host
    }

    /// Reads the document and, where it is an index, all that it names. False when there is nothing to be read; why is on
    /// standard error.
    mutating func read() -> Bool {
        guard let (bytes, url) = document() else { return false }
        take(WarmDocument(bytes, as: settings.form), at: url)
        for sitemap in sitemaps {
            do throws(ProxyError) {
                take(Sitemap(try fetch(sitemap).bytes).imageURLs, at: nil)
            } catch {
                failures.append(WarmTally.Failure(url: sitemap, reason: error.reason))
            }
        }
        return true
    }

    private mutating func document() -> (bytes: [UInt8], url: SourceURL?)? {
        if settings.source == "-" {
            return contents(of: STDIN_FILENO, "standard input").map { ($0, settings.base) }
        }
        if let url = try? SourceURL(settings.source) {
            host = url.host
            do throws(ProxyError) {
                return try fetch(settings.source)
            } catch {
                printError("\(printable(settings.source)): cannot be fetched: \(error.reason)")
                return nil
            }
        }
        let descriptor = unsafe open(settings.source, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            printError("\(settings.source): cannot be read (\(lastError()))")
            return nil
        }
        defer { close(descriptor) }
        return contents(of: descriptor, settings.source).map { ($0, settings.base) }
    }

    private func contents(of descriptor: Int32, _ name: String) -> [UInt8]? {
        switch FileReading.contents(of: descriptor, limit: Self.longestDocument) {
        case .success(let bytes): return bytes
        case .failure(let failure):
            printError("\(name): cannot be read (\(failure.reason))")
            return nil
        }
    }

    private func fetch(_ text: String) throws(ProxyError) -> (bytes: [UInt8], url: SourceURL?) {
        guard let url = try? SourceURL(text) else { throw .badRequest(reason: "malformed") }
        let document = try DocumentFetcher(configuration, naming: host).fetch(url)
        return (document.bytes, document.url)
    }

    private mutating func take(_ document: WarmDocument, at url: SourceURL?) {
        switch document {
        case .list(let lines): take(lines, at: nil, isVerbatim: true)
        case .sitemap(let sitemap):
            take(sitemap.imageURLs, at: nil)
            sitemaps = Array(sitemap.sitemaps.prefix(Self.mostSitemaps))
        case .page(let page): take(page.references, at: url, base: page.base)
        }
    }

    /// What stands in a list is meant to be there, so what cannot be read of it fails and is not passed over.
    private mutating func take(
        _ references: [String], at url: SourceURL?, base: String? = nil, isVerbatim: Bool = false
    ) {
        let resolver = ImageReferences(page: url, mount: settings.mount).relative(to: base)
        for reference in references {
            guard let url = resolver.urlText(of: reference) ?? (isVerbatim ? reference : nil) else {
                ignored += 1
                continue
            }
            if seen.insert(Array(url.utf8)).inserted { urls.append(url) }
        }
    }
}

/// What was done in an earlier run: a file with a URL a line, to which each is added as soon as it is done.
///
/// Sendable: a line is one write at the end of the file.
final class ResumeLog: Sendable {
    private let name: String?
    private let descriptor: Int32
    private let done: Set<[UInt8]>

    private static let longest = 1 << 30

    /// Without a name it remembers nothing. Nil when the file cannot be used; why is on standard error.
    init?(_ name: String?) {
        self.name = name
        guard let name else {
            descriptor = -1
            done = []
            return
        }
        descriptor = unsafe open(name, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
        switch descriptor < 0
            ? .failure(FileReading.Failure(reason: lastError()))
            : FileReading.contents(of: descriptor, limit: Self.longest)
        {
        case .success(let bytes): done = Set(bytes.split(separator: UInt8(ascii: "\n")).map(Array.init))
        case .failure(let failure):
            printError("\(name): cannot be used (\(failure.reason))")
            return nil
        }
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    func contains(_ url: String) -> Bool { done.contains(Array(url.utf8)) }

    func add(_ url: String) { if descriptor >= 0 { write(url + "\n", to: descriptor) } }

    /// All is done: the next run begins anew.
    func remove() { if let name { unsafe unlink(name) } }
}
