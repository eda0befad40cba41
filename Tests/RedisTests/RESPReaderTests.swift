import Testing

@testable import Redis

@Suite struct RESPReaderTests {
    static let heads: [(String, RESPReader.Head)] = [
        ("+OK\r\n", .status("OK")), ("+\r\n", .status("")), ("-ERR no\r\n", .error("ERR no")),
        (":0\r\n", .integer(0)), (":-1\r\n", .integer(-1)), (":42\r\n", .integer(42)),
        (":9223372036854775807\r\n", .integer(.max)), (":-9223372036854775808\r\n", .integer(.min)),
        ("$0\r\n", .string(length: 0)), ("$6990508\r\n", .string(length: 6_990_508)),
        ("$9223372036854775807\r\n", .string(length: .max)), ("$-1\r\n", .null),
        ("*0\r\n", .array(count: 0)), ("*2\r\n", .array(count: 2)), ("*-1\r\n", .null),
        (
            "+" + String(repeating: "x", count: RESPReader.lineLimit - 2) + "\r\n",
            .status(String(repeating: "x", count: RESPReader.lineLimit - 2))
        ),
    ]

    static let violations = [
        "x", "\r\n", "HTTP/1.1 200 OK\r\n", "_\r\n", "%1\r\n", "=1\r\n", " +OK\r\n",
        ":\r\n", ":-\r\n", ":+1\r\n", ":01\r\n", ":-0\r\n", ":1 \r\n", ": 1\r\n", ":1.0\r\n", ":0x1\r\n",
        ":9223372036854775808\r\n", ":-9223372036854775809\r\n", ":99999999999999999999\r\n",
        "$-2\r\n", "$9223372036854775808\r\n", "$18446744073709551616\r\n", "$\r\n", "$1a\r\n", "$00\r\n", "*-2\r\n",
        "*1e9\r\n", "+OK\n", "+OK\rX", "+O\nK\r\n", "+O\rK\r\n",
        "+" + String(repeating: "x", count: RESPReader.lineLimit),
        "$" + String(repeating: "1", count: RESPReader.lineLimit),
    ]

    @Test("a head is read, wherever the bytes are split", arguments: heads)
    func readsHeads(_ text: String, _ head: RESPReader.Head) throws {
        let whole = bytes(text)
        for split in 0..<whole.count {
            var reader = RESPReader()
            try reader.receive(whole[..<split])
            #expect(try reader.head() == nil)
            try reader.receive(whole[split...])
            #expect(try reader.head() == head)
            #expect(reader.buffered == 0)
        }
    }

    @Test("what is no RESP2 is a violation", arguments: violations)
    func refuses(_ text: String) throws {
        var reader = RESPReader()
        try reader.receive(bytes(text)[...])
        #expect(throws: RedisError.protocolViolation) { try reader.head() }
    }

    @Test("content and its end are taken, wherever the bytes are split")
    func takesContent() throws {
        let whole = bytes("$5\r\na\r\n\0b\r\n:7\r\n")
        for split in 0...whole.count {
            var reader = RESPReader()
            var source = [whole[..<split], whole[split...]]
            var content = [UInt8](repeating: 0, count: 5)
            #expect(try reader.head(from: &source) == .string(length: 5))
            var count = 0
            while count < 5 {
                if reader.buffered == 0 { try reader.receive(source.removeFirst()) }
                count += unsafe content.withUnsafeMutableBytes { content in
                    unsafe reader.take(into: UnsafeMutableRawBufferPointer(rebasing: content[count...]), atMost: 5)
                }
            }
            while try !reader.takeTerminator() { try reader.receive(source.removeFirst()) }
            #expect(content == bytes("a\r\n\0b"))
            #expect(try reader.head(from: &source) == .integer(7))
        }
    }

    @Test("content goes into the caller's memory, no more than it takes or is asked for")
    func takesIntoMemory() throws {
        var reader = RESPReader()
        try reader.receive(bytes("abcdef")[...])
        var target: [UInt8] = [0, 0, 0]
        #expect(unsafe target.withUnsafeMutableBytes { unsafe reader.take(into: $0, atMost: 2) } == 2)
        #expect(target == bytes("ab") + [0])
        #expect(unsafe target.withUnsafeMutableBytes { unsafe reader.take(into: $0, atMost: 9) } == 3)
        #expect(target == bytes("cde"))
        #expect(reader.skip(atMost: 9) == 1)
        #expect(reader.buffered == 0)
    }

    @Test("what follows content must be CR LF", arguments: ["X", "\n", "\rX", "XX", "\r\r"])
    func refusesTerminator(_ text: String) throws {
        var reader = RESPReader()
        try reader.receive(bytes(text)[...])
        #expect(throws: RedisError.protocolViolation) { try reader.takeTerminator() }
    }

    @Test("the buffer is used again and again, also when a line lies across its end")
    func reusesBuffer() throws {
        var reader = RESPReader(capacity: RESPReader.lineLimit + 3)
        var source = (0..<1000).flatMap { bytes(":\($0)\r\n") }[...]
        for number in 0..<1000 {
            var head: RESPReader.Head?
            while head == nil {
                head = try reader.head()
                if head == nil {
                    try unsafe reader.fill { space in
                        let count = min(space.count, source.count)
                        unsafe space.copyBytes(from: source.prefix(count))
                        source.removeFirst(count)
                        return count
                    }
                }
            }
            #expect(head == .integer(Int64(number)))
        }
    }
}

extension RESPReader {
    mutating func receive(_ bytes: ArraySlice<UInt8>) throws(RedisError) {
        try unsafe fill { space throws(RedisError) in
            unsafe space.copyBytes(from: bytes)
            return bytes.count
        }
    }

    mutating func head(from source: inout [ArraySlice<UInt8>]) throws(RedisError) -> Head? {
        while true {
            if let head = try head() { return head }
            if source.isEmpty { return nil }
            try receive(source.removeFirst())
        }
    }
}
