import ProxyCore
@testable import Redis

/// A value of the cache: what its end says is what all of it says.
func fuzzRecord(_ bytes: [UInt8]) {
    let span = bytes.span
    let located = try? ImageRecord.locate(in: span)
    if let tail = ImageRecord.parse(tail: span.extracting(last: ImageRecord.tailLength), length: bytes.count) {
        // Of a long value the tail says what it does if the text decodes, which is seen when it is read.
        if isText(tail, of: bytes) { require(tail == located, "read differently from its end") }
    }
    // Whatever length somebody says that the value has of which these are the ends.
    for length in [0, 1, bytes.count - 1, bytes.count + 1, 1 << 53] where length >= 0 {
        _ = ImageRecord.parse(tail: span.extracting(last: ImageRecord.tailLength), length: length)
        _ = ImageRecord.parse(
            head: Array(bytes.prefix(ImageRecord.tailLength)), tail: Array(bytes.suffix(ImageRecord.tailLength)),
            length: length)
    }
    guard let located else { return }
    let record = located.record
    require(record.size > 0, "an image of \(record.size) bytes")
    switch located.content {
    case .text(let range), .bytes(let range):
        require(range.lowerBound >= 0 && range.upperBound <= bytes.count, "\(range) of \(bytes.count)")
    case .unescaped: break
    }
    let stored = StoredResponse(record)
    for now in [0, 1_700_000_000_000, Int64.max] {
        _ = (stored.use(at: now), stored.age(at: now), stored.freshnessLeft(at: now))
    }
    for field in stored.validators.requestFields { require(!hasControls(field), "a field of two lines: \(field)") }
    _ = try? ImageMetadata.parse(span)
}

private func isText(_ located: ImageRecord.Located, of bytes: [UInt8]) -> Bool {
    guard case .text(let range) = located.content, range.upperBound <= bytes.count else { return true }
    return bytes.starts(with: ImageRecord.opening)
        && bytes[range].allSatisfy {
            $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\") && (0x20...0x7E).contains($0)
        }
}

/// Replies of Redis, as both readers take them: whole, and a byte at a time.
func fuzzRESP(_ bytes: [UInt8]) {
    require(heads(bytes, inPiecesOf: 1) == heads(bytes, inPiecesOf: 4096), "heads depend on the pieces")
    require(replies(bytes, inPiecesOf: 1) == replies(bytes, inPiecesOf: 4096), "replies depend on the pieces")
}

/// What the reader of large strings makes of it, up to the first thing that is wrong.
private func heads(_ bytes: [UInt8], inPiecesOf length: Int) -> [RESPReader.Head] {
    var reader = RESPReader()
    var heads: [RESPReader.Head] = []
    var rest = bytes[...]
    var string: Int?
    do throws(RedisError) {
        while true {
            if let left = string {
                let skipped = reader.skip(atMost: left)
                string = left - skipped
                if left == skipped, try reader.takeTerminator() {
                    string = nil
                } else if try !fill(&reader, &rest, length) {
                    break
                }
            } else if let head = try reader.head() {
                heads.append(head)
                if case .string(let length) = head { string = length }
            } else if try !fill(&reader, &rest, length) {
                break
            }
        }
    } catch {
        require(error == .protocolViolation, "\(error)")
    }
    return heads
}

private func fill(_ reader: inout RESPReader, _ rest: inout ArraySlice<UInt8>, _ length: Int) throws(RedisError) -> Bool
{
    guard !rest.isEmpty else { return false }
    try unsafe reader.fill { target in
        let piece = rest.prefix(min(length, target.count))
        unsafe target.copyBytes(from: piece)
        rest = rest.dropFirst(piece.count)
        return piece.count
    }
    return true
}

/// What hiredis' parser, bounded, makes of it; nil at the end is an error.
private func replies(_ bytes: [UInt8], inPiecesOf length: Int) -> [RedisReply?] {
    guard let parser = ReplyParser() else { return [] }
    parser.allow(elements: 64)
    var replies: [RedisReply?] = []
    var rest = bytes[...]
    do throws(RedisError) {
        while !rest.isEmpty {
            let piece = Array(rest.prefix(length))
            rest = rest.dropFirst(length)
            try unsafe piece.span.withUnsafeBytes { bytes throws(RedisError) in try unsafe parser.feed(bytes) }
            while let reply = try parser.next() { replies.append(reply) }
        }
    } catch {
        require(error == .protocolViolation || error == .tooLarge, "\(error)")
        replies.append(nil)
    }
    return replies
}
