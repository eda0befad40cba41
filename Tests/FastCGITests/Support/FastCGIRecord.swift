/// A record as it stands on the wire (FastCGI 1.0, 3.3).
struct FastCGIRecord: Equatable {
    enum Kind: UInt8 {
        case begin = 1
        case abort, end, params, stdin, stdout, stderr
    }

    var version: UInt8 = 1
    var type: UInt8
    var requestIdentifier: UInt16 = 1
    var content: [UInt8] = []
    var padding = 0

    init(_ kind: Kind, _ content: [UInt8] = [], requestIdentifier: UInt16 = 1, padding: Int = 0) {
        type = kind.rawValue
        self.content = content
        self.requestIdentifier = requestIdentifier
        self.padding = padding
    }

    var bytes: [UInt8] {
        let header = [
            version, type, UInt8(requestIdentifier >> 8), UInt8(requestIdentifier & 0xFF),
            UInt8(content.count >> 8), UInt8(content.count & 0xFF), UInt8(padding), 0,
        ]
        return header + content + [UInt8](repeating: 0xEE, count: padding)
    }
}

/// A request as a web server sends it.
struct WireRequest {
    var params: [(name: String, value: String)] = []
    var body: [UInt8] = []
    var keepsConnection = false
    var requestIdentifier: UInt16 = 1
    /// Writes the four-byte form of every length, as a server may (FastCGI 1.0, 3.4).
    var usesLongLengths = false
    /// Content of one FCGI_PARAMS record.
    var longestRecord = 65_535
    /// Padding of the records that have content. libfcgi loses its way in a padded FCGI_BEGIN_REQUEST or end of a stream,
    /// which are aligned as they are, so that no web server pads them.
    var padding = 0
    var role: UInt8 = 1

    var bytes: [UInt8] {
        let begin = record(.begin, [0, role, keepsConnection ? 1 : 0, 0, 0, 0, 0, 0])
        return begin + stream(.params, encodedParams) + stream(.stdin, body)
    }

    private var encodedParams: [UInt8] {
        params.flatMap { length($0.name) + length($0.value) + Array($0.name.utf8) + Array($0.value.utf8) }
    }

    private func length(_ text: String) -> [UInt8] {
        let count = text.utf8.count
        if count < 128, !usesLongLengths { return [UInt8(count)] }
        return [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: count >> $0) | ($0 == 24 ? 0x80 : 0) }
    }

    private func stream(_ kind: FastCGIRecord.Kind, _ content: [UInt8]) -> [UInt8] {
        let records = stride(from: 0, to: content.count, by: longestRecord).flatMap { start in
            record(kind, Array(content[start..<min(start + longestRecord, content.count)]))
        }
        return records + record(kind, [])
    }

    private func record(_ kind: FastCGIRecord.Kind, _ content: [UInt8]) -> [UInt8] {
        let padding = content.isEmpty || kind == .begin ? 0 : padding
        return FastCGIRecord(kind, content, requestIdentifier: requestIdentifier, padding: padding).bytes
    }
}
