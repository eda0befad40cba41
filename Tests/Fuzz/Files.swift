@testable import ProxyCore
@testable import ProxyServer

/// What a file of the embedded store begins with, as it stands and within a first line that is right for it: nobody guesses
/// a sum.
func fuzzFile(_ bytes: [UInt8]) {
    for bytes in [bytes, framed(bytes)] {
        guard let found = ImageFileHeader.parse(bytes.span) else { continue }
        require((0...bytes.count).contains(found.length), "\(found.length) of \(bytes.count)")
        let header = found.header
        require((header.record?.size ?? 1) > 0, "an image of no bytes")
        _ = (header.metadata, IndexEntry(KeyDigest(of: header.key), header, headerLength: found.length).encoded)
        // What finds room is read again as it was.
        if let again = header.encoded() {
            require(ImageFileHeader.parse(again.span)?.header == header, "another header")
            require(again.count == ImageFileHeader.length(forKey: header.key), "another length")
        }
    }
}

private func framed(_ content: [UInt8]) -> [UInt8] {
    let line = 44
    let length = (line + content.count + 1023) / 1024 * 1024
    let numbers = [length, content.count].map { HexadecimalText.digits(UInt64($0)).suffix(8) }
    let sum = HexadecimalText.digits(ByteSum(of: RawSpan(_elements: content.span)).value)
    let bytes = Array("imgfile1 \(numbers[0]) \(numbers[1]) \(sum)\n".utf8) + content
    return bytes + [UInt8](repeating: UInt8(ascii: " "), count: length - bytes.count)
}

/// The small files beside the images: an index, a lease, and what a host has counted.
func fuzzSmallFile(_ bytes: [UInt8]) {
    let whole = Array(bytes.prefix(bytes.count / IndexText.length * IndexText.length))
    for shard in [0, Int(bytes.first ?? 0)] where IndexText.isPlausible(whole, in: shard) {
        let entries = IndexText.entries(whole)
        require(entries.saturatingSum(\.taken) >= 0, "less than nothing")
        var statistics = CacheStatistics()
        for entry in entries {
            statistics.count(size: entry.size, cachedAt: entry.cachedAt)
            require(IndexEntry(entry.encoded, at: 0) == entry, "another entry")
        }
    }
    if let note = LeaseNote(bytes) {
        require(LeaseNote(note.encoded) == note, "another lease")
        _ = note.verdict.flatMap { Verdict(text: $0) }
    }
    let counts = MetricsReading(bytes)
    require(MetricsReading(counts.lines) == counts, "other counts")
    _ = ((counts + counts).quantile(0.5, of: "t", .time), counts.since(counts + counts).hitRate)
    var text = PrometheusText()
    text.histogram("a", [], counts, "t", .time)
}
