import Redis
import Testing

/// A peer that does not behave while it is asked for several values. What it says is a value or an error, and after any
/// error but a refusal of all the connection is closed.
@Suite struct RedisValuesFaultTests {
    private static let limit = 40
    private static let full = String(repeating: "f", count: limit)

    private static func string(_ text: some StringProtocol) -> String { "$\(text.utf8.count)\r\n\(text)\r\n" }

    /// An answer to five questions that has everything in it.
    private static let answer = "*5\r\n" + string("abc") + string("") + "$-1\r\n" + string(full) + string("\n\n")
    private static var expected: [[UInt8]?] { [bytes("abc"), [], nil, bytes(full), bytes("\n\n")] }

    private func ask(_ count: Int, _ redis: RedisConnection) throws(RedisError) {
        try redis.askForValues(of: Array(repeating: bytes("a"), count: count), upTo: Self.limit)
    }

    /// Everything that was asked for, and nothing behind it.
    private func expectAll(on redis: RedisConnection, _ comment: Comment) throws {
        try ask(Self.expected.count, redis)
        for value in Self.expected { #expect(try redis.nextValue() == value, comment) }
        #expect(redis.isUsable, comment)
    }

    @Test("an answer may be cut anywhere", arguments: 1..<answer.utf8.count) func split(_ cut: Int) throws {
        try withPeer { visitor in
            visitor.receive()
            visitor.sendApart([Self.answer.prefix(cut), Self.answer.dropFirst(cut)].map(String.init))
            visitor.hold()
        } body: { redis throws in
            try expectAll(on: redis, "cut before byte \(cut)")
        }
    }

    @Test("bytes may come one at a time") func oneByteAtATime() throws {
        try withPeer { visitor in
            visitor.receive()
            visitor.sendApart(Self.answer.utf8.map { String(UnicodeScalar($0)) })
            visitor.hold()
        } body: { redis throws in
            try expectAll(on: redis, "one byte at a time")
        }
    }

    static let faults: [(String, RedisError)] = [
        // Lengths that were not asked for, and such as no string has.
        ("$41\r\n" + full + "l\r\n", .tooLarge), ("$9223372036854775807\r\n", .tooLarge),
        ("$9223372036854775808\r\n", .protocolViolation), ("$-2\r\n", .protocolViolation),
        ("$-9223372036854775808\r\n", .protocolViolation), ("$03\r\nabc\r\n", .protocolViolation),
        ("$\r\n", .protocolViolation),
        // Other things than strings.
        (":3\r\n", .protocolViolation), ("+OK\r\n", .protocolViolation), ("*0\r\n", .protocolViolation),
        ("*1\r\n$3\r\nabc\r\n", .protocolViolation),
        ("-ERR no\r\n", .protocolViolation), ("HTTP/1.1 400 Bad Request\r\n\r\n", .protocolViolation),
        ("\0\0\0\0", .protocolViolation),
        // Ends that are not where the length says.
        ("$3\r\nabcd\r\n", .protocolViolation), ("$4\r\nabc\r\n$", .protocolViolation),
        ("$3\r\nabcX\n", .protocolViolation), ("$0\r\n$3\r\n", .protocolViolation),
        ("-" + String(repeating: "e", count: 2000), .protocolViolation),
    ]

    @Test("a bad answer to the first, or to the last, of three", arguments: faults, [0, 2])
    func fault(_ answer: (String, RedisError), _ place: Int) throws {
        let before = String(repeating: Self.string("abc"), count: place)
        try withPeer(answering: "*3\r\n" + before + answer.0) { redis throws in
            try ask(3, redis)
            for _ in 0..<place { #expect(try redis.nextValue() == bytes("abc")) }
            #expect(throws: answer.1) { try redis.nextValue() }
            #expect(!redis.isUsable)
            #expect(throws: RedisError.closed) { try redis.nextValue() }
            #expect(throws: RedisError.closed) { try redis.command(["GET", "a"]) }
        }
    }

    @Test(
        "an answer that has not as many values as were asked for, or is none",
        arguments: ["*2\r\n", "*4\r\n", "*0\r\n", "*-1\r\n", "*9223372036854775807\r\n", "$3\r\n", "+OK\r\n", ":3\r\n"])
    func count(_ beginning: String) throws {
        try withPeer(answering: beginning + String(repeating: Self.string("abc"), count: 4)) { redis throws in
            try ask(3, redis)
            #expect(throws: RedisError.protocolViolation) { try redis.nextValue() }
            #expect(!redis.isUsable)
        }
    }

    /// Of the first answer no more than 32 bytes are taken at once. What stands right behind them is seen by who comes next.
    @Test(
        "a byte behind the last value is never taken for the next one's", arguments: [1, 15, 16, 17, 18, 40], [1, 2])
    func unasked(_ length: Int, _ count: Int) throws {
        let value = String(repeating: "v", count: length)
        let answer = "*\(count)\r\n" + String(repeating: Self.string(value), count: count)
        try withPeer(answering: answer + "*") { redis throws in
            try ask(count, redis)
            for _ in 1..<count { #expect(try redis.nextValue() == bytes(value)) }
            do {
                #expect(try redis.nextValue() == bytes(value))
                #expect(!redis.isUsable)
                #expect(throws: RedisError.protocolViolation) { try redis.command(["GET", "a"]) }
            } catch {
                #expect(error as? RedisError == .protocolViolation)
            }
            #expect(!redis.isUsable)
        }
    }

    static let beginnings = ["", "$", "$3", "$3\r\n", "$3\r\nab", "$3\r\nabc", "$3\r\nabc\r", "$-"]

    @Test("a peer that hangs up", arguments: beginnings) func hangsUp(_ beginning: String) throws {
        try withPeer { visitor in
            visitor.receive()
            visitor.send("*3\r\n" + Self.string("abc") + beginning)
        } body: { redis throws in
            try ask(3, redis)
            #expect(try redis.nextValue() == bytes("abc"))
            #expect(throws: RedisError.closed) { try redis.nextValue() }
            #expect(!redis.isUsable)
            #expect(throws: RedisError.closed) { try redis.nextValue() }
        }
    }

    @Test("a peer that says no more", arguments: beginnings) func silence(_ beginning: String) throws {
        try withPeer(answering: "*3\r\n" + Self.string("abc") + beginning, .short) { redis throws in
            try ask(3, redis)
            #expect(try redis.nextValue() == bytes("abc"))
            #expect(throws: RedisError.timedOut) { try redis.nextValue() }
            #expect(!redis.isUsable)
        }
    }

    @Test("a drip is cut off at the command timeout", arguments: ["*1\r\n$1000000\r\n", "-", "*"]) func drip(
        _ beginning: String
    )
        throws
    {
        let script: @Sendable (Visitor) -> Void = { visitor in
            visitor.receive()
            visitor.send(beginning)
            visitor.drip()
        }
        try withPeer(.short, script: script) { redis throws in
            try redis.askForValues(of: [bytes("a")], upTo: 1_000_000)
            #expect(throws: RedisError.timedOut) { try redis.nextValue() }
            #expect(!redis.isUsable)
        }
    }

    @Test("a refusal is the answer to all", arguments: ["LOADING", "NOPERM", "ERR"]) func refusals(_ code: String)
        throws
    {
        try withPeer(answering: "-\(code) x\r\n") { redis throws in
            try ask(3, redis)
            #expect(throws: RedisError.refused(code: code, message: "\(code) x")) { try redis.nextValue() }
            #expect(redis.isUsable)
            #expect(throws: RedisError.closed) { try redis.nextValue() }
        }
    }
}
