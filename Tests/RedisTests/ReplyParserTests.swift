import Testing

@testable import Redis

@Suite struct ReplyParserTests {
    static let replies: [(String, RedisReply)] = [
        ("$3\r\n\0\r\n\r\n", .string([0, 13, 10])), ("$0\r\n\r\n", .string([])), ("+OK\r\n", .status("OK")),
        (":-7\r\n", .integer(-7)), ("$-1\r\n", .null), ("*-1\r\n", .null), ("*0\r\n", .array([])),
        ("-ERR no\r\n", .error("ERR no")), ("-\r\n", .error("")),
        ("*3\r\n$1\r\na\r\n*1\r\n:1\r\n$-1\r\n", .array([.string(bytes("a")), .array([.integer(1)]), .null])),
    ]

    @Test("a reply becomes a value, wherever the bytes are split", arguments: replies)
    func parses(_ text: String, _ reply: RedisReply) throws {
        let whole = bytes(text)
        for split in 0..<whole.count {
            let parser = try #require(ReplyParser())
            parser.allow(elements: 8)
            try parser.feed(whole[..<split])
            #expect(try parser.next() == nil)
            try parser.feed(whole[split...])
            #expect(try parser.next() == reply)
            #expect(!parser.hasLeftover)
        }
    }

    @Test("arrays are bounded together, before anything is allocated for them")
    func boundsArrays() throws {
        for (text, isAllowed) in [("*8\r\n", true), ("*9\r\n", false), ("*5\r\n*3\r\n", true), ("*5\r\n*4\r\n", false)]
        {
            let parser = try #require(ReplyParser())
            parser.allow(elements: 8)
            try parser.feed(bytes(text)[...])
            if isAllowed {
                #expect(try parser.next() == nil)
            } else {
                #expect(throws: RedisError.tooLarge) { try parser.next() }
            }
        }
    }

    @Test("a depth that Redis never has is a violation")
    func boundsDepth() throws {
        let parser = try #require(ReplyParser())
        parser.allow(elements: 1000)
        try parser.feed(bytes(String(repeating: "*1\r\n", count: 100) + ":1\r\n")[...])
        #expect(throws: RedisError.protocolViolation) { try parser.next() }
    }
}

extension ReplyParser {
    func feed(_ bytes: ArraySlice<UInt8>) throws(RedisError) {
        try unsafe bytes.span.withUnsafeBytes { bytes throws(RedisError) in try unsafe feed(bytes) }
    }
}
