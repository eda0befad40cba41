@testable import Curl
import ProxyCore

/// A head, line by line as libcurl hands it out, and what it means.
func fuzzHead(_ bytes: [UInt8]) {
    var parser = CurlHeadParser(keeping: OriginResponse.fieldNames)
    for line in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
        let whole = Array(line) + [UInt8(ascii: "\n")]
        switch parser.receive(whole.span) {
        case .more: continue
        case .broken: return
        case .complete(let head): return judge(head)
        }
    }
}

private func judge(_ head: CurlResponseHead) {
    for (name, value) in head.fields {
        require(OriginResponse.fieldNames.contains(name), "a field that nobody wants: \(name)")
        require(!value.utf8.contains { $0 < 0x20 && $0 != 0x09 || $0 == 0x7F }, "a control character in \(name)")
    }
    for isConditional in [false, true] {
        guard let response = try? OriginResponse(status: head.status, isConditional: isConditional, values: head.values)
        else { continue }
        switch response {
        case .representation(let length):
            require(length ?? 0 >= 0, "a negative length")
            require([200, 203].contains(head.status), "no representation comes with \(head.status)")
        case .redirect(let reference): _ = try? base?.resolving(reference: reference)
        case .notModified: require(isConditional && head.status == 304, "nobody asked")
        }
    }
    freshness(OriginFields(head.values))
}

private let base = try? SourceURL("http://a.example/b/c?d")

/// Cache-Control, Expires, Date, Age, Vary, ETag and Last-Modified, a line each: what an origin may say of time.
func fuzzFields(_ bytes: [UInt8]) {
    let texts = lines(bytes)
    let names = ["cache-control", "expires", "date", "age", "vary", "etag", "last-modified"]
    freshness(OriginFields { name in names.indices.filter { names[$0] == name && $0 < texts.count }.map { texts[$0] } })
    for text in texts {
        guard let date = HTTPDate.parse(text) else { continue }
        require(HTTPDate.parse(HTTPDate.text(date)) == date, "another date: \(text)")
    }
}

/// Times are bounded, whatever they were; and what is stored is found again as it was.
private func freshness(_ fields: OriginFields) {
    let now: Int64 = 1_700_000_000_000
    for policy in policies {
        guard case .storable(let stored) = policy.judge(fields, requestedAt: now - 5000, receivedAt: now) else {
            continue
        }
        require(stored.freshUntil <= now + longest, "fresh until \(stored.freshUntil)")
        require(stored.age(at: now) >= 0 && stored.generatedAt >= 0, "born in the future")
        require(policy.retention(of: stored, at: now) >= .seconds(1), "kept for no time")
        for field in stored.validators.requestFields { require(!hasControls(field), "a field of two lines: \(field)") }
        let record = ImageRecord(
            contentType: "image/png", size: 3, cachedAt: now, expiresAt: stored.freshUntil, extra: stored.extra)
        require(record.closing(.raw).count <= ImageRecord.tailLength, "a closing that nobody reads")
        _ = policy.renewed(stored, by: fields, requestedAt: now, receivedAt: now)
        let value = ImageRecord.opening + Array("Zm9v".utf8) + record.closing()
        guard let found = ImageRecord.parse(tail: value.span, length: value.count)?.record else {
            fatalError("what is written is not read")
        }
        require(found == record, "another record")
    }
}

/// The longest that anything is fresh: by the configuration's defaults, and by the operator's fixed lifetime.
private let longest: Int64 = 30 * 24 * 60 * 60 * 1000

private let policies: [FreshnessPolicy] = [false, true].map { ignores in
    var freshness = Configuration.Freshness()
    freshness.ignoresOriginCacheControl = ignores
    return FreshnessPolicy(freshness, imageTTL: .seconds(24 * 60 * 60))
}

/// The bytes of an image, or of something else: neither depends on how they were split.
func fuzzMedia(_ bytes: [UInt8]) {
    let whole = RawSpan(_elements: bytes.span)
    let sniffed = MediaTypeSniffer.sniff(whole, isComplete: true)
    let half = bytes.count / 2
    let early = MediaTypeSniffer.sniff(whole.extracting(first: half), isComplete: false)
    require(early == .undecided || early == sniffed, "\(early), and then \(sniffed)")
    require(sniffed != .undecided, "no answer")
    guard case .image(let type) = sniffed else { return }
    var (once, twice) = (DimensionScanner(type), DimensionScanner(type))
    once.scan(whole)
    twice.scan(whole.extracting(first: half))
    twice.scan(whole.extracting(droppingFirst: half))
    require(once.dimensions == twice.dimensions, "dimensions depend on the pieces")
    require(once.dimensions.map { $0.width > 0 && $0.height > 0 } ?? true, "dimensions that are none")
}
