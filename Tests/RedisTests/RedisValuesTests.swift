import Redis
import Testing

/// Short values that are asked for together, against a real server.
@Suite struct RedisValuesTests {
    /// What is left of the values that were asked for.
    private func rest(_ count: Int, of redis: RedisConnection) throws(RedisError) -> [[UInt8]?] {
        var values: [[UInt8]?] = []
        for _ in 0..<count { values.append(try redis.nextValue()) }
        return values
    }

    static let lengths = [1, 2, 24, 25, 26, 1_000, (16 << 10) - 1, 16 << 10, (16 << 10) + 1, 128 << 10]

    @Test("values come in the order in which they were asked for") func order() throws {
        try withServer { server throws in
            for endpoint in [server.unix, server.tcp] {
                let redis = try server.connect(endpoint)
                for length in Self.lengths { try redis.set("\r\n\(length)\0", pattern(length)) }
                for lengths in [Self.lengths, Self.lengths.reversed(), [25], [1, 1, 1]] {
                    try redis.askForValues(of: lengths.map { bytes("\r\n\($0)\0") }, upTo: 128 << 10)
                    for length in lengths { #expect(try redis.nextValue() == pattern(length)) }
                    #expect(redis.isUsable)
                }
            }
        }
    }

    @Test("more values than the socket holds") func many() throws {
        try withRedis { redis throws in
            let value = pattern(128 << 10)
            try redis.set("a", value)
            try redis.askForValues(of: Array(repeating: bytes("a"), count: 50), upTo: value.count)
            for _ in 0..<50 { #expect(try redis.nextValue() == value) }
            #expect(redis.isUsable)
        }
    }

    @Test("no key is no value, and nothing in it is an empty one") func absent() throws {
        try withRedis { redis throws in
            try redis.set("empty", [])
            try redis.set("a", bytes("value"))
            try redis.askForValues(of: ["none", "a", "empty", "none"].map(bytes), upTo: 10)
            #expect(try rest(4, of: redis) == [nil, bytes("value"), [], nil])
            #expect(redis.isUsable)
        }
    }

    @Test("the limit is the last length that comes", arguments: [0, 1, 24, 1_000, 128 << 10], [-1, 0, 1, 5_000_000])
    func limit(_ limit: Int, _ beyond: Int) throws {
        try withRedis { redis throws in
            let length = max(limit + beyond, 0)
            try redis.set("a", pattern(length))
            try redis.set("b", [])
            try redis.askForValues(of: ["a", "b"].map(bytes), upTo: limit)
            if length <= limit {
                #expect(try rest(2, of: redis) == [pattern(length), []])
                #expect(redis.isUsable)
            } else {
                #expect(throws: RedisError.tooLarge) { try redis.nextValue() }
                #expect(throws: RedisError.closed) { try redis.nextValue() }
                #expect(!redis.isUsable)
            }
        }
    }

    @Test("a list is no value, and those behind it are none the worse", arguments: 0..<3) func wrongType(_ place: Int)
        throws
    {
        try withRedis { redis throws in
            _ = try redis.command(["LPUSH", "list", "x"])
            try redis.set("a", bytes("value"))
            var keys = ["a", "a"]
            keys.insert("list", at: place)
            try redis.askForValues(of: keys.map(bytes), upTo: 10)
            #expect(try rest(3, of: redis) == keys.map { $0 == "a" ? bytes("value") : nil })
            #expect(redis.isUsable)
        }
    }

    @Test("who may not ask for several may ask for one") func refused() throws {
        try withServer { server throws in
            let redis = try server.connect()
            _ = try redis.command(["ACL", "SETUSER", "default", "-mget"])
            try redis.set("a", bytes("value"))
            try redis.askForValues(of: ["a", "a"].map(bytes), upTo: 10)
            let error = #expect(throws: RedisError.self) { try redis.nextValue() }
            #expect(error?.isConnectionLost == false)
            #expect(throws: RedisError.closed, "it is the answer to all") { try redis.nextValue() }
            #expect(redis.isUsable)
            #expect(try redis.command(["GET", "a"]) == .string(bytes("value")))
        }
    }

    @Test("behind the last value the connection is there for anything") func goesOn() throws {
        try withRedis { redis throws in
            try redis.set("a", pattern(1000))
            for _ in 0..<3 {
                try redis.askForValues(of: ["a", "none"].map(bytes), upTo: 1000)
                _ = try rest(2, of: redis)
                #expect(throws: RedisError.closed) { try redis.nextValue() }
                #expect(try redis.command(["PING"]) == .status("PONG"))
                _ = try redis.openString(bytes("a"), tail: 300, limit: 1000)
                #expect(try redis.readAll() == pattern(1000))
                try redis.set("b", pattern(10))
            }
        }
    }

    @Test("who asks for nothing gets nothing") func nothing() throws {
        try withRedis { redis throws in
            try redis.askForValues(of: [], upTo: 10)
            #expect(redis.isUsable)
            #expect(throws: RedisError.closed) { try redis.nextValue() }
            #expect(try redis.command(["PING"]) == .status("PONG"))
        }
    }

    @Test("a string left open is closed before values are asked for") func closesString() throws {
        try withRedis { redis throws in
            try redis.set("a", pattern(100_000))
            _ = try redis.openString(bytes("a"), tail: 3, limit: 100_000)
            try redis.askForValues(of: [bytes("a")], upTo: 100_000)
            redis.closeString()
            #expect(try redis.nextValue() == pattern(100_000), "and closing what is not open is harmless")
        }
    }

    enum Call: CaseIterable { case command, pipeline, openString, setString, askForValues }

    private func make(_ call: Call, on redis: RedisConnection) throws {
        switch call {
        case .command: _ = try redis.command(["PING"])
        case .pipeline: _ = try redis.pipeline([["PING"], ["PING"]])
        case .openString: _ = try redis.openString(bytes("a"), tail: 3, limit: 10)
        case .setString: try redis.set("a", bytes("other"))
        case .askForValues: try redis.askForValues(of: [bytes("a")], upTo: 10)
        }
    }

    /// Answers that are still to come must never be taken for those to another call.
    @Test("a call between two values ends the connection", arguments: Call.allCases, [0, 1])
    func between(_ call: Call, _ taken: Int) throws {
        try withServer { server throws in
            let redis = try server.connect()
            try redis.set("a", bytes("value"))
            try redis.askForValues(of: ["a", "a"].map(bytes), upTo: 10)
            #expect(!redis.isUsable)
            _ = try rest(taken, of: redis)
            #expect(throws: RedisError.closed) { try make(call, on: redis) }
            #expect(!redis.isUsable)
            #expect(throws: RedisError.closed) { try redis.nextValue() }
            #expect(try server.connect().command(["GET", "a"]) == .string(bytes("value")))
        }
    }

    @Test("a connection that owes values is not kept, and one that owes none is", arguments: 0...3)
    func pool(_ taken: Int) throws {
        try withServer { server throws in
            let pool = RedisPool(to: server.unix, timeouts: .patient, capacity: 2)
            try server.connect().set("a", bytes("value"))
            try pool.withConnection { redis throws(RedisError) in
                try redis.askForValues(of: Array(repeating: bytes("a"), count: 3), upTo: 10)
                for _ in 0..<taken { _ = try redis.nextValue() }
            }
            #expect(pool.idleCount == (taken == 3 ? 1 : 0))
            let said = try pool.withConnection { redis throws(RedisError) in try redis.command(["ECHO", "mine"]) }
            #expect(said == .string(bytes("mine")))
        }
    }

    @Test("a server that dies before it has answered is noticed") func death() throws {
        try withServer { server throws in
            let redis = try server.connect()
            _ = try server.connect().command(["CLIENT", "PAUSE", "600000", "ALL"])
            try redis.askForValues(of: ["a", "a"].map(bytes), upTo: 10)
            server.kill()
            #expect(throws: RedisError.closed) { try redis.nextValue() }
            #expect(!redis.isUsable)
        }
    }
}
