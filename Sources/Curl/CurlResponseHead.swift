/// The status line and header fields of a final response.
public struct CurlResponseHead: Sendable, Equatable {
    public var status: Int
    /// Names in lower case, values without surrounding white space, in the order of arrival; only those asked for.
    public var fields: [(name: String, value: String)] = []
    /// Where the time until then went.
    public var timings = CurlTransfer.Timings()

    /// All values of a field, in order.
    public func values(_ name: String) -> [String] { fields.filter { $0.name == name }.map(\.value) }

    public static func == (a: Self, b: Self) -> Bool {
        a.status == b.status && a.fields.elementsEqual(b.fields, by: ==)
    }
}

/// Gathers a head from the lines that libcurl hands out one at a time.
///
/// Bounded in bytes, interim responses and kept fields, whatever the origin sends. A line that is no field, or a value
/// with a control byte, spoils the response: a bare CR passes libcurl, and would be a new line to somebody further on.
struct CurlHeadParser {
    private let kept: Set<String>
    private var head: CurlResponseHead?
    private var bytes = 0
    private var interim = 0

    /// 64 KiB of header fields are twice what nginx and Apache accept by default from an upstream.
    static let longestHead = 64 << 10
    static let mostInterimResponses = 8

    enum Line: Equatable { case more, complete(CurlResponseHead), broken }

    init(keeping names: Set<String>) { kept = names }

    mutating func receive(_ line: Span<UInt8>) -> Line {
        bytes += line.count
        guard bytes <= Self.longestHead else { return .broken }
        var end = line.count
        while end > 0, line[end - 1] == 0x0A || line[end - 1] == 0x0D { end -= 1 }
        if end == 0 { return endOfHead() }
        for index in 0..<end where line[index] < 0x20 && line[index] != 0x09 || line[index] == 0x7F { return .broken }
        if Self.startsStatusLine(line) { return statusLine(line.extracting(0..<end)) }
        return field(line.extracting(0..<end))
    }

    private mutating func endOfHead() -> Line {
        guard let head else { return .broken }
        // RFC 9110, 15.2: interim responses precede the final one. 101 would be final, and is none that we asked for.
        guard head.status >= 200 || head.status == 101 else {
            interim += 1
            self.head = nil
            return interim > Self.mostInterimResponses ? .broken : .more
        }
        return .complete(head)
    }

    private mutating func statusLine(_ line: Span<UInt8>) -> Line {
        guard let space = (0..<line.count).first(where: { line[$0] == 0x20 }), space + 3 < line.count else {
            return .broken
        }
        var status = 0
        for index in space + 1...space + 3 {
            guard (0x30...0x39).contains(line[index]) else { return .broken }
            status = status * 10 + Int(line[index] - 0x30)
        }
        head = CurlResponseHead(status: status)
        return .more
    }

    private mutating func field(_ line: Span<UInt8>) -> Line {
        // RFC 9112, 5.2: a folded line is obsolete, and what it continues is unclear to whoever reads on.
        guard head != nil, line[0] != 0x20, line[0] != 0x09,
            let colon = (0..<line.count).first(where: { line[$0] == 0x3A }), colon > 0
        else { return .broken }
        let name = Self.text(line.extracting(0..<colon)).lowercased()
        guard kept.contains(name) else { return .more }
        var lower = colon + 1
        var upper = line.count
        while lower < upper, line[lower] == 0x20 || line[lower] == 0x09 { lower += 1 }
        while upper > lower, line[upper - 1] == 0x20 || line[upper - 1] == 0x09 { upper -= 1 }
        head?.fields.append((name, Self.text(line.extracting(lower..<upper))))
        return .more
    }

    private static func startsStatusLine(_ line: Span<UInt8>) -> Bool {
        let opening: StaticString = "HTTP/"
        guard line.count > opening.utf8CodeUnitCount else { return false }
        return line[0] == 0x48 && line[1] == 0x54 && line[2] == 0x54 && line[3] == 0x50 && line[4] == 0x2F
    }

    private static func text(_ bytes: Span<UInt8>) -> String {
        var copy: [UInt8] = []
        copy.reserveCapacity(bytes.count)
        for index in bytes.indices { copy.append(bytes[index]) }
        return String(decoding: copy, as: UTF8.self)
    }
}
