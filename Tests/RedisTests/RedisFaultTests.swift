import Dispatch
import Redis
import Testing

/// A peer that does not behave. Whatever it does, the call fails with its error and the connection is closed.
@Suite struct RedisFaultTests {
    static let answers: [(String, RedisError)] = [
        ("HTTP/1.1 400 Bad Request\r\n\r\n", .protocolViolation), ("\0\0\0\0", .protocolViolation),
        ("$-2\r\n", .protocolViolation), ("$9223372036854775808\r\n", .protocolViolation),
        ("$1x\r\n", .protocolViolation), ("*-2\r\n", .protocolViolation), ("*2147483648\r\n", .protocolViolation),
        ("*65537\r\n", .tooLarge), ("*2147483647\r\n", .tooLarge),
        ("+OK\r\n+OK\r\n", .protocolViolation), ("$3\r\nabc\r\nd", .protocolViolation),
        (String(repeating: "*1\r\n", count: 50), .protocolViolation),
        ("$9000000\r\n" + String(repeating: "x", count: 9_000_000), .tooLarge),
    ]

    @Test("a bad answer to a command", arguments: answers)
    func command(_ answer: String, _ error: RedisError) throws {
        try withPeer(answering: answer) { redis throws in
            #expect(throws: error) { try redis.command(["GET", "a"]) }
            #expect(!redis.isUsable)
            #expect(throws: RedisError.closed) { try redis.command(["GET", "a"]) }
        }
    }

    static let opens: [(String, RedisError)] = [
        ("junk", .protocolViolation), ("+OK\r\n", .protocolViolation), (":1\r\n", .protocolViolation),
        ("$-1\r\n", .protocolViolation), ("*0\r\n", .protocolViolation), ("$4\r\nabcd\r\n", .protocolViolation),
        ("$3\r\nabcX\n", .protocolViolation), ("$-7\r\n", .protocolViolation),
        ("$3\r\nabc\r\n+OK\r\n", .protocolViolation), ("$3\r\nabc\r\n:3\r\n", .protocolViolation),
        ("$3\r\nabc\r\n*1\r\n", .protocolViolation), ("$3\r\nabc\r\n$-2\r\n", .protocolViolation),
        ("$3\r\nabc\r\n$9223372036854775808\r\n", .protocolViolation),
        ("$0\r\n\r\n$-1\r\n+unasked\r\n", .protocolViolation), ("-ERR a\r\n-ERR b\r\n.", .protocolViolation),
        ("$0\r\n\r\n$0\r\n\r\n.", .protocolViolation),
        ("$3\r\nabc\r\n$9223372036854775807\r\n", .tooLarge), ("$3\r\nabc\r\n$1001\r\n", .tooLarge),
        ("$0\r\n\r\n$3\r\nabc\r\n", .overwritten), ("$3\r\nabc\r\n$2\r\nbc\r\n", .overwritten),
    ]

    @Test("a bad answer to the opening of a string", arguments: opens)
    func openString(_ answer: String, _ error: RedisError) throws {
        try withPeer(answering: answer) { redis throws in
            #expect(throws: error) { try redis.openString(bytes("a"), tail: 3, limit: 1000) }
            #expect(!redis.isUsable)
        }
    }

    static let contents: [(String, RedisError)] = [
        ("$5\r\n12abcX\n", .protocolViolation), ("$5\r\n12abcde\r\n", .protocolViolation),
        ("$5\r\n12abc\r\n+unasked\r\n", .protocolViolation), ("$5\r\n12abd\r\n", .overwritten),
        ("$3\r\nxbc\r\n", .overwritten), ("$5\r\nabc12\r\n", .overwritten),
    ]

    @Test("a bad end of a string", arguments: contents, [1, 2, 100])
    func readString(_ answer: (String, RedisError), _ size: Int) throws {
        try withPeer(answering: "$3\r\nabc\r\n" + answer.0) { redis throws in
            _ = try redis.openString(bytes("a"), tail: 3, limit: 1000)
            #expect(throws: answer.1) { try redis.readAll(by: size) }
            #expect(!redis.isUsable)
        }
    }

    @Test("a peer that hangs up", arguments: ["", "$3\r\nab", "$3", "$3\r\nabc\r\n", "$3\r\nabc\r\n$5\r\n12"])
    func hangsUp(_ answer: String) throws {
        try withPeer { visitor in
            visitor.receive()
            visitor.send(answer)
        } body: { redis throws in
            #expect(throws: RedisError.closed) {
                _ = try redis.openString(bytes("a"), tail: 3, limit: 1000)
                _ = try redis.readAll()
            }
            #expect(!redis.isUsable)
        }
    }

    @Test("a drip is cut off at the command timeout", arguments: ["$1000000\r\n", "+", "*1\r\n$1000000\r\n"])
    func drip(_ beginning: String) throws {
        let script: @Sendable (Visitor) -> Void = { visitor in
            visitor.receive()
            visitor.send(beginning)
            visitor.drip()
        }
        try withPeer(.short, script: script) { redis throws in
            #expect(throws: RedisError.timedOut) { try redis.command(["GET", "a"]) }
            #expect(!redis.isUsable)
        }
    }

    @Test("a drip of a value is cut off at the caller's deadline")
    func dripOfValue() throws {
        let script: @Sendable (Visitor) -> Void = { visitor in
            visitor.receive()
            visitor.send("$1000000\r\n")
            visitor.drip()
        }
        try withPeer(script: script) { redis throws in
            let deadline = ContinuousClock.now + .milliseconds(100)
            #expect(throws: RedisError.timedOut) {
                _ = try redis.openString(bytes("a"), tail: 0, limit: 1_000_000, deadline: deadline)
                _ = try redis.readAll()
            }
        }
    }

    /// A read may block in the kernel, but not past a deadline that is nearer than the command timeout.
    @Test("a silent peer is given up at the caller's deadline", arguments: ["", "$3\r\nabc\r\n$5\r\n12"])
    func silenceUntilDeadline(_ answer: String) throws {
        try withPeer(answering: answer) { redis throws in
            let start = ContinuousClock.now
            #expect(throws: RedisError.timedOut) {
                _ = try redis.openString(
                    bytes("a"), tail: 3, limit: 1000, deadline: start + .milliseconds(100))
                _ = try redis.readAll()
            }
            #expect(.now - start < RedisTimeouts.patient.command)
        }
    }

    @Test("a peer that says nothing, or stops in mid value", arguments: ["", "$3\r\nabc\r\n$5\r\n12"])
    func silence(_ answer: String) throws {
        try withPeer(answering: answer, .short) { redis throws in
            #expect(throws: RedisError.timedOut) {
                _ = try redis.openString(bytes("a"), tail: 3, limit: 1000)
                _ = try redis.readAll()
            }
            #expect(!redis.isUsable)
        }
    }

    @Test("an answer that comes unasked is never taken for the next one's")
    func unasked() throws {
        let (taken, sent) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
        try withPeer { visitor in
            visitor.receive()
            visitor.send("$5\r\nfirst\r\n")
            taken.wait()
            visitor.send("$5\r\nother\r\n")
            sent.signal()
            visitor.hold()
        } body: { redis throws in
            #expect(try redis.command(["GET", "a"]) == .string(bytes("first")))
            taken.signal()
            sent.wait()
            #expect(!redis.isUsable)
            #expect(throws: RedisError.protocolViolation) { try redis.command(["GET", "b"]) }
        }
    }

    static let refusals: [(String, RedisError.Reach)] = [
        ("WRONGTYPE Operation against a key", .value), ("READONLY You can't write", .writes),
        ("OOM command not allowed", .writes), ("MISCONF Redis is configured", .writes),
        ("NOREPLICAS Not enough good replicas", .writes), ("LOADING Redis is loading", .server),
        ("NOAUTH Authentication required.", .server), ("MOVED 3999 127.0.0.1:6381", .server),
        ("BUSY Redis is busy", .server), ("MASTERDOWN Link with MASTER is down", .server),
        ("ERR max number of clients reached", .server), ("", .server),
    ]

    @Test("what Redis refuses, in each kind of call", arguments: refusals)
    func refuses(_ message: String, _ reach: RedisError.Reach) throws {
        let code = String(message.prefix { $0 != " " })
        let error = RedisError.refused(code: code, message: message)
        #expect(error.reach == reach)
        #expect(!error.isConnectionLost)
        try withPeer { visitor in
            for count in [1, 2, 1] {
                visitor.receive()
                visitor.send(String(repeating: "-\(message)\r\n", count: count))
            }
            visitor.hold()
        } body: { redis throws in
            #expect(throws: error) { try redis.command(["GET", "a"]) }
            #expect(throws: error) { try redis.openString(bytes("a"), tail: 3, limit: 1000) }
            #expect(throws: error) { try redis.set("a", bytes("x")) }
            #expect(redis.isUsable)
        }
    }

    @Test("a bad answer to a write", arguments: [":1\r\n", "+QUEUED\r\n", "$2\r\nOK\r\n", "+OK\r\n+OK\r\n", "junk"])
    func setString(_ answer: String) throws {
        try withPeer(answering: answer) { redis throws in
            #expect(throws: RedisError.protocolViolation) { try redis.set("a", bytes("x")) }
            #expect(!redis.isUsable)
        }
    }

    @Test("a peer that does not read lets a large write time out")
    func doesNotRead() throws {
        let done = DispatchSemaphore(value: 0)
        try withPeer(.short, script: { _ in done.wait() }) { redis throws in
            #expect(throws: RedisError.timedOut) { try redis.set("a", pattern(6_700_000)) }
            #expect(!redis.isUsable)
            done.signal()
        }
    }

    @Test("a peer that hangs up in mid write is an error, not a signal")
    func hangsUpInWrite() throws {
        try withPeer(script: { $0.receive() }) { redis throws in
            #expect(throws: RedisError.closed) { try redis.set("a", pattern(6_700_000)) }
        }
    }

    @Test("what is refused in one of the two answers is refused, and the value read away")
    func halfRefused() throws {
        try withPeer(answering: "-NOPERM x\r\n$5\r\nabcde\r\n") { redis throws in
            #expect(try code { _ = try redis.openString(bytes("a"), tail: 3, limit: 1000) } == "NOPERM")
            #expect(redis.isUsable)
        }
    }
}
