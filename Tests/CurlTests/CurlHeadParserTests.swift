import Testing

@testable import Curl

@Suite struct CurlHeadParserTests {
    /// Heads as libcurl hands them out, and the last answer of the parser.
    static let heads: [(String, CurlHeadParser.Line)] = [
        ("HTTP/1.1 200 OK\r\n\r\n", .complete(CurlResponseHead(status: 200))),
        ("HTTP/1.0 404 \r\n\r\n", .complete(CurlResponseHead(status: 404))),
        ("HTTP/2 204\n\n", .complete(CurlResponseHead(status: 204))),
        ("HTTP/1.1 101 Switching\r\n\r\n", .complete(CurlResponseHead(status: 101))),
        ("HTTP/1.1 200 OK\r\nX-Kept: a\r\nOther: b\r\nx-kEPT:c\r\n\r\n", kept("a", "c")),
        ("HTTP/1.1 200 OK\r\nX-Kept: \t a b \t\r\n\r\n", kept("a b")),
        ("HTTP/1.1 200 OK\r\nX-Kept:\r\nX-Kept: \r\n\r\n", kept("", "")),
        ("HTTP/1.1 200 OK\r\nX-Kept: a: b\tc\r\n\r\n", kept("a: b\tc")),
        ("HTTP/1.1 200 OK\r\nX-Kept : a\r\n\r\n", .complete(CurlResponseHead(status: 200))),
        ("HTTP/1.1 103 Early\r\nX-Kept: a\r\n\r\nHTTP/1.1 200 OK\r\nX-Kept: b\r\n\r\n", kept("b")),
        (interim(8) + "HTTP/1.1 200 OK\r\n\r\n", .complete(CurlResponseHead(status: 200))),
        (interim(9), .broken),
        ("\r\n", .broken),
        ("X-Kept: a\r\n", .broken),
        ("HTTP/1.1 200 OK\r\nno colon\r\n", .broken),
        ("HTTP/1.1 200 OK\r\n: a\r\n", .broken),
        ("HTTP/1.1 200 OK\r\nX-Kept: a\r\n folded\r\n", .broken),
        ("HTTP/1.1 200 OK\r\nX-Kept: a\r\n\tfolded\r\n", .broken),
        ("HTTP/1.1 200 OK\r\nX-Kept: a\r\n X-Kept: b\r\n", .broken),
        ("HTTP/1.1 200 OK\r\nX-Kept: a\r\n\tX-Kept: b\r\n", .broken),
        ("HTTP/1.1 200 OK\r\nX-Kept: a\rb\r\n", .broken),
        ("HTTP/1.1 200 OK\r\nX-Kept: a\0b\r\n", .broken),
        ("HTTP/1.1 200 OK\r\nX-Kept: a\u{1b}[m\r\n", .broken),
        ("HTTP/1.1 200 OK\r\nX-Kept: \u{7f}\r\n", .broken),
        ("HTTP/1.1 200 OK\r\nOther: a\u{1}\r\n", .broken),
        ("HTTP/1.1\r\n", .broken),
        ("HTTP/1.1 20\r\n", .broken),
        ("HTTP/1.1 2x0 OK\r\n", .broken),
        ("HTTP/1.1 -20 OK\r\n", .broken),
        ("HTTP/1.1 200 O\u{1}K\r\n", .broken),
    ]

    private static func kept(_ values: String...) -> CurlHeadParser.Line {
        var head = CurlResponseHead(status: 200)
        head.fields = values.map { ("x-kept", $0) }
        return .complete(head)
    }

    private static func interim(_ count: Int) -> String {
        String(repeating: "HTTP/1.1 100 Continue\r\n\r\n", count: count)
    }

    @Test("heads, and what spoils them", arguments: heads) func parses(_ text: String, _ expected: CurlHeadParser.Line)
    {
        #expect(feed(Array(text.utf8)).last == expected)
    }

    @Test func nothingIsCompleteBeforeTheEmptyLine() {
        let answers = feed(Array("HTTP/1.1 200 OK\r\nX-Kept: a\r\nOther: b\r\n".utf8))
        #expect(answers == [.more, .more, .more])
    }

    @Test("a head is bounded", arguments: [0, 1]) func isBounded(_ excess: Int) {
        let opening = "HTTP/1.1 200 OK\r\n"
        let name = "Other: "
        let filler = CurlHeadParser.longestHead - opening.utf8.count - name.utf8.count - 4 + excess
        let text = opening + name + String(repeating: "a", count: filler) + "\r\n\r\n"
        let expected: CurlHeadParser.Line = excess > 0 ? .broken : .complete(CurlResponseHead(status: 200))
        #expect(feed(Array(text.utf8)).last == expected)
    }

    @Test func interimHeadsCountTowardsTheBound() {
        let long = "HTTP/1.1 103 Early\r\nOther: " + String(repeating: "a", count: 10_000) + "\r\n\r\n"
        #expect(feed(Array(String(repeating: long, count: 8).utf8)).last == .broken)
    }

    @Test("bytes of any kind never trap, and never pass a control byte", arguments: 0..<8) func fuzz(_ seed: UInt64) {
        var random = SeededGenerator(state: seed)
        let seeds = Self.heads.map { Array($0.0.utf8) }
        for _ in 0..<500 {
            guard var bytes = seeds.randomElement(using: &random) else { return }
            for _ in 0..<Int.random(in: 1...4, using: &random) { mutate(&bytes, &random) }
            for case .complete(let head) in feed(bytes) {
                #expect((0...999).contains(head.status))
                for (name, value) in head.fields {
                    #expect(name == "x-kept")
                    #expect(!value.utf8.contains { $0 < 0x20 && $0 != 0x09 || $0 == 0x7F })
                }
            }
        }
    }

    private func mutate(_ bytes: inout [UInt8], _ random: inout SeededGenerator) {
        let place = Int.random(in: 0...bytes.count, using: &random)
        let interesting: [UInt8] = [0, 9, 10, 13, 32, 58, 0x7F, 0x80, 0xFF, .random(in: 0 ... .max, using: &random)]
        switch Int.random(in: 0..<4, using: &random) {
        case 0: bytes.insert(interesting.randomElement(using: &random) ?? 0, at: place)
        case 1 where place < bytes.count: bytes[place] = interesting.randomElement(using: &random) ?? 0
        case 2 where place < bytes.count: bytes.remove(at: place)
        default: bytes.insert(contentsOf: bytes[..<place], at: place)
        }
    }

    /// The parser's answers to each line, to the first that ends the head.
    private func feed(_ bytes: [UInt8]) -> [CurlHeadParser.Line] {
        var parser = CurlHeadParser(keeping: ["x-kept"])
        var answers: [CurlHeadParser.Line] = []
        var rest = bytes[...]
        while !rest.isEmpty {
            let line = Array(rest[...(rest.firstIndex(of: 0x0A) ?? rest.index(before: rest.endIndex))])
            rest = rest.dropFirst(line.count)
            answers.append(parser.receive(line.span))
            if answers.last != .more { break }
        }
        return answers
    }
}

/// SplitMix64: the same numbers for the same seed, so that a failure can be repeated.
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
