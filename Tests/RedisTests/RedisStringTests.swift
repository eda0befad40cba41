import Glibc
import Redis
import Testing

/// Large values against a real server.
@Suite struct RedisStringTests {
    static let sizes = [0, 1, 299, 300, 301, 16 << 10, (64 << 10) - 1, 64 << 10, (64 << 10) + 1, 6_700_000]

    @Test("a value is written and read in pieces", arguments: sizes)
    func roundTrip(_ size: Int) throws {
        try withServer { server throws in
            let value = pattern(size)
            for endpoint in [server.unix, server.tcp] {
                let redis = try server.connect(endpoint)
                for piece in [1000, 48 << 10, 8 << 20] {
                    try redis.set("\r\nkey\0", value, by: piece)
                    let string = try #require(try redis.openString(bytes("\r\nkey\0"), tail: 300, limit: size))
                    #expect(string.length == size)
                    #expect(string.tail == value.suffix(300))
                    #expect(try redis.readAll(by: max(piece, 64 << 10)) == value)
                    #expect(redis.isUsable)
                }
            }
        }
    }

    @Test("a reader with room for one byte gets one byte at a time")
    func smallReads() throws {
        try withRedis { redis throws in
            try redis.set("a", pattern(1000))
            _ = try redis.openString(bytes("a"), tail: 1, limit: 1000)
            #expect(try redis.readAll(by: 1) == pattern(1000))
        }
    }

    @Test("without a tail only the value is asked for")
    func noTail() throws {
        try withRedis { redis throws in
            try redis.set("a", bytes("value"))
            let string = try redis.openString(bytes("a"), tail: 0, limit: 5)
            #expect(string?.tail == [])
            #expect(string?.length == 5)
            #expect(try redis.readAll() == bytes("value"))
        }
    }

    @Test("no key, no string; and the connection goes on")
    func absent() throws {
        try withRedis { redis throws in
            #expect(try redis.openString(bytes("none"), tail: 300, limit: 100) == nil)
            #expect(try redis.readAll() == [])
            #expect(try redis.command(["PING"]) == .status("PONG"))
        }
    }

    @Test("a list is no string; and the connection goes on", arguments: [0, 300])
    func wrongType(_ tail: Int) throws {
        try withRedis { redis throws in
            _ = try redis.command(["LPUSH", "list", "x"])
            #expect(try code { _ = try redis.openString(bytes("list"), tail: tail, limit: 100) } == "WRONGTYPE")
            #expect(try redis.command(["PING"]) == .status("PONG"))
        }
    }

    @Test("the limit is the last length that is read")
    func limit() throws {
        try withRedis { redis throws in
            try redis.set("a", pattern(1000))
            #expect(try redis.openString(bytes("a"), tail: 3, limit: 1000)?.length == 1000)
            #expect(throws: RedisError.tooLarge) { try redis.openString(bytes("a"), tail: 3, limit: 999) }
            #expect(!redis.isUsable)
        }
    }

    static let expiries: [(Duration, Int64)] = [
        (.seconds(60), 60_000), (.seconds(86_400), 86_400_000), (.seconds(604_800), 604_800_000),
    ]

    @Test("the expiry is set", arguments: expiries)
    func expiry(_ expiry: Duration, _ most: Int64) throws {
        try withRedis { redis throws in
            try redis.set("a", bytes("x"), expiry: expiry)
            guard case .integer(let left) = try redis.command(["PTTL", "a"]) else {
                Issue.record("no number")
                return
            }
            #expect(left <= most && left > most - 60_000)
        }
    }

    @Test("a short rest is read away when a string is closed early")
    func closeEarly() throws {
        try withRedis { redis throws in
            try redis.set("a", pattern(200_000))
            for _ in 0..<3 {
                _ = try redis.openString(bytes("a"), tail: 10, limit: 200_000)
                var buffer: [UInt8] = [0, 0, 0]
                var span = buffer.mutableSpan
                #expect(try redis.read(into: &span) == 3)
                redis.closeString()
                redis.closeString()
                #expect(redis.isUsable)
            }
            _ = try redis.openString(bytes("a"), tail: 10, limit: 200_000)
            #expect(try redis.command(["STRLEN", "a"]) == .integer(200_000))
        }
    }

    @Test("a long rest closes the connection")
    func closeVeryEarly() throws {
        try withRedis { redis throws in
            try redis.set("a", pattern(6_700_000))
            _ = try redis.openString(bytes("a"), tail: 10, limit: 6_700_000)
            redis.closeString()
            #expect(!redis.isUsable)
            #expect(throws: RedisError.closed) { try redis.command(["PING"]) }
            #expect(throws: RedisError.closed) { try redis.readAll() }
        }
    }

    @Test("pieces that do not add up end the connection, and nothing is stored", arguments: [999, 1001])
    func lengthMismatch(_ length: Int) throws {
        try withServer { server throws in
            let redis = try server.connect()
            #expect(throws: RedisError.lengthMismatch) {
                try redis.setString(bytes("a"), expiry: .seconds(9), length: length) { writer throws(RedisError) in
                    try writer.write(pattern(999).span)
                    if length == 999 { try writer.write([1].span) }
                }
            }
            #expect(!redis.isUsable)
            #expect(try server.connect().command(["EXISTS", "a"]) == .integer(0))
        }
    }

    @Test("a body that throws ends the connection, whatever it throws")
    func bodyThrows() throws {
        try withRedis { redis throws in
            let refused = RedisError.refused(code: "X", message: "X")
            #expect(throws: refused) {
                try redis.setString(bytes("a"), expiry: .seconds(9), length: 5) { _ throws(RedisError) in throw refused
                }
            }
            #expect(!redis.isUsable)
        }
    }

    @Test("a refused write says why; and the connection goes on")
    func outOfMemory() throws {
        try withRedis("--maxmemory", "1", "--maxmemory-policy", "noeviction") { redis throws in
            #expect(try code { try redis.set("a", pattern(100_000)) } == "OOM")
            #expect(try redis.command(["PING"]) == .status("PONG"))
        }
    }

    @Test("a server that dies in mid value is noticed")
    func death() throws {
        try withServer { server throws in
            let redis = try server.connect()
            try redis.set("a", pattern(6_700_000))
            _ = try redis.openString(bytes("a"), tail: 10, limit: 6_700_000)
            server.kill()
            #expect(throws: RedisError.closed) { try redis.readAll() }
            #expect(!redis.isUsable)
        }
    }

    @Test("a server that is stopped in mid value times out, reading and writing")
    func stop() throws {
        try withServer { server throws in
            try server.connect().set("a", pattern(6_700_000))
            let reader = try RedisConnection(to: server.unix, timeouts: .short)
            let writer = try RedisConnection(to: server.unix, timeouts: .short)
            _ = try server.connect().command(["PING"])
            server.send(SIGSTOP)
            #expect(throws: RedisError.timedOut) { try reader.openString(bytes("a"), tail: 10, limit: 6_700_000) }
            #expect(throws: RedisError.timedOut) { try writer.set("b", pattern(6_700_000)) }
        }
    }
}
