import Redis
import Testing

/// A large value among other commands, against a real server.
@Suite struct RedisPipelineTests {
    /// Appends `value`, in pieces of `size` bytes, to "a" within a transaction.
    private func append(
        _ value: [UInt8], by size: Int, announcing length: Int? = nil, on redis: RedisConnection
    ) throws(RedisError) -> [RedisReply] {
        try redis.pipeline(
            [["MULTI"], ["SET", "before", "1"]],
            writing: RedisValueCommand(["APPEND", "a"], length: length ?? value.count),
            then: [["PEXPIRE", "a", RedisArgument(milliseconds: .seconds(60))], ["EXEC"]]
        ) { (writer) throws(RedisError) in
            for start in stride(from: 0, to: value.count, by: size) {
                try writer.write(value.span.extracting(start..<min(start + size, value.count)))
            }
        }
    }

    @Test("every command is answered in its order", arguments: [0, 1, 16 << 10, 2_000_000], [700, 48 << 10])
    func answers(_ length: Int, _ size: Int) throws {
        try withRedis { redis throws in
            let value = pattern(length)
            for turn in 1...2 {
                let replies = try append(value, by: size, on: redis)
                #expect(replies.dropLast() == [.status("OK")] + Array(repeating: .status("QUEUED"), count: 3))
                guard case .array(let results) = replies.last else { return #expect(Bool(false)) }
                #expect(results.prefix(2) == [.status("OK"), .integer(Int64(turn * length))])
            }
            #expect(try redis.command(["STRLEN", "a"]) == .integer(Int64(2 * length)))
        }
    }

    @Test("a refusal stands in its place, and the connection goes on") func refusal() throws {
        try withRedis("--maxmemory", "1", "--maxmemory-policy", "noeviction") { redis throws in
            let replies = try append(pattern(100_000), by: 10_000, on: redis)
            #expect(replies.count == 5)
            guard case .error(let first) = replies[1], case .error(let last) = replies[4] else {
                return #expect(Bool(false))
            }
            #expect(first.hasPrefix("OOM") && last.hasPrefix("EXECABORT"))
            #expect(try redis.command(["PING"]) == .status("PONG"))
        }
    }

    @Test("of a transaction whose value is cut short nothing happens") func cutShort() throws {
        try withServer { server throws in
            let redis = try server.connect()
            #expect(throws: RedisError.lengthMismatch) {
                try append(pattern(100_000), by: 10_000, announcing: 100_001, on: redis)
            }
            #expect(!redis.isUsable)
            #expect(try server.connect().command(["EXISTS", "a", "before"]) == .integer(0))
        }
    }

    static let times: [(Duration, String)] = [
        (.zero, "1"), (.seconds(-5), "1"), (.microseconds(1_999), "1"), (.milliseconds(2), "2"),
        (.milliseconds(1_500), "1500"), (.seconds(86_400), "86400000"),
    ]

    @Test("a time is whole milliseconds, and never none", arguments: times)
    func milliseconds(_ time: Duration, _ expected: String) {
        #expect(RedisArgument(milliseconds: time).bytes == bytes(expected))
        #expect(RedisArgument(milliseconds: .seconds(Int64.max)).bytes.count == 16)
    }
}
