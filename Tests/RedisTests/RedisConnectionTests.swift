import Glibc
import Testing

@testable import Redis

@Suite struct RedisConnectionTests {
    @Test("words of any bytes make the round trip, over both transports")
    func roundTrip() throws {
        try withServer { server throws in
            for endpoint in [server.unix, server.tcp] {
                let redis = try server.connect(endpoint)
                let key = RedisArgument([0, 13, 10, 255] + bytes(" $5\r\n"))
                for value in [[], [0], bytes("\r\n+OK\r\n"), pattern(300_000)] {
                    #expect(try redis.command(["SET", key, RedisArgument(value)]) == .status("OK"))
                    #expect(try redis.command(["GET", key]) == .string(value))
                }
                #expect(try redis.command(["STRLEN", key]) == .integer(300_000))
                #expect(try redis.command(["DEL", key]) == .integer(1))
                #expect(try redis.command(["GET", key]) == .null)
                #expect(try redis.command(["MGET", key, "b"]) == .array([.null, .null]))
            }
        }
    }

    @Test("a pipeline answers in order, an error in its place")
    func pipeline() throws {
        try withRedis { redis throws in
            let replies = try redis.pipeline([
                ["SET", "a", "1"], ["LPUSH", "a", "x"], ["INCR", "a"], ["GET", "none"],
            ])
            #expect(replies.count == 4)
            #expect(replies.first == .status("OK"))
            #expect(replies.dropFirst(2) == [.integer(2), .null])
            guard case .error(let message)? = replies.dropFirst().first else {
                Issue.record("the wrong type was accepted")
                return
            }
            #expect(message.hasPrefix("WRONGTYPE "))
            #expect(try redis.pipeline([]) == [])
        }
    }

    @Test("an error answer is thrown with its code, and the connection goes on")
    func refusal() throws {
        try withRedis { redis throws in
            _ = try redis.command(["LPUSH", "list", "x"])
            let error = #expect(throws: RedisError.self) { try redis.command(["GET", "list"]) }
            guard case .refused("WRONGTYPE", let message)? = error else {
                Issue.record("\(String(describing: error))")
                return
            }
            #expect(message.hasPrefix("WRONGTYPE Operation against"))
            #expect(try redis.command(["PING"]) == .status("PONG"))
        }
    }

    @Test("the database is selected")
    func select() throws {
        try withServer { server throws in
            var third = server.unix
            third.database = 3
            _ = try server.connect(third).command(["SET", "a", "1"])
            #expect(try server.connect().command(["EXISTS", "a"]) == .integer(0))
            #expect(try server.connect(third).command(["EXISTS", "a"]) == .integer(1))

            third.database = 99
            #expect(try code { _ = try server.connect(third) } == "ERR")
        }
    }

    @Test("user and password are sent, and wrong ones refused")
    func authentication() throws {
        try withServer { server throws in
            let admin = try server.connect()
            _ = try admin.command(["ACL", "SETUSER", "alice", "on", ">pass", "~*", "+@all"])
            _ = try admin.command(["CONFIG", "SET", "requirepass", "s\r\"ecret"])
            func code(_ user: String?, _ password: String?) throws -> String? {
                var endpoint = server.unix
                (endpoint.user, endpoint.password) = (user, password)
                return try RedisTests.code { _ = try server.connect(endpoint).command(["PING"]) }
            }
            #expect(try code(nil, "s\r\"ecret") == nil)
            #expect(try code("default", "s\r\"ecret") == nil)
            #expect(try code("alice", "pass") == nil)
            #expect(try code(nil, "wrong") == "WRONGPASS")
            #expect(try code("alice", "wrong") == "WRONGPASS")
            #expect(try code(nil, nil) == "NOAUTH")
        }
    }

    @Test("a full house and a read-only replica are told apart")
    func reach() throws {
        try withServer("--maxclients", "1", "--replicaof", "127.0.0.1 1") { server throws in
            let redis = try server.connect()
            let readOnly = #expect(throws: RedisError.self) { try redis.command(["SET", "a", "1"]) }
            #expect(readOnly?.reach == .writes)
            #expect(try redis.command(["GET", "a"]) == .null)

            let second = try server.connect()
            let full = #expect(throws: RedisError.self) { try second.command(["PING"]) }
            #expect(full?.reach == .server)
        }
    }

    @Test("a server that goes away closes the connection, and it stays closed")
    func death() throws {
        try withServer { server throws in
            let redis = try server.connect()
            #expect(redis.isUsable)
            server.kill()
            #expect(!redis.isUsable)
            #expect(throws: RedisError.closed) { try redis.command(["PING"]) }
            #expect(throws: RedisError.closed) { try redis.command(["PING"]) }
            let error = #expect(throws: RedisError.self) { try server.connect() }
            guard case .connectionFailed? = error else {
                Issue.record("\(String(describing: error))")
                return
            }
        }
    }

    @Test("a server that is stopped times out, in a command as in a connect that has to log in")
    func stop() throws {
        try withServer { server throws in
            let redis = try RedisConnection(to: server.tcp, timeouts: .short)
            server.send(SIGSTOP)
            #expect(throws: RedisError.timedOut) { try redis.command(["PING"]) }
            #expect(throws: RedisError.closed) { try redis.command(["PING"]) }
            var endpoint = server.tcp
            endpoint.database = 1
            let timeouts = RedisTimeouts(connect: .milliseconds(50), command: .seconds(30))
            #expect(throws: RedisError.timedOut) { try RedisConnection(to: endpoint, timeouts: timeouts) }
        }
    }

    @Test(
        "nothing to connect to",
        arguments: [
            RedisEndpoint.Address.unix(path: "/nonexistent/redis.sock"),
            .unix(path: "/tmp/" + String(repeating: "x", count: 200)), .unix(path: "/tmp/a\0b"),
            .tcp(host: "127.0.0.1", port: 1), .tcp(host: "a\0b", port: 1), .tcp(host: "", port: 1),
        ])
    func nowhere(_ address: RedisEndpoint.Address) throws {
        let error = #expect(throws: RedisError.self) {
            try RedisConnection(to: RedisEndpoint(address), timeouts: .patient)
        }
        guard case .connectionFailed? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test("a descriptor is not inherited by other programs, and small commands are not held back")
    func descriptor() throws {
        try withServer { server throws in
            for endpoint in [server.unix, server.tcp] {
                let redis = try server.connect(endpoint)
                let descriptor = try #require(redis.socket).descriptor
                #expect(fcntl(descriptor, F_GETFD) & FD_CLOEXEC != 0)
                guard case .tcp = endpoint.address else { continue }
                var (noDelay, size) = (Int32(0), socklen_t(MemoryLayout<Int32>.size))
                #expect(unsafe getsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &noDelay, &size) == 0)
                #expect(noDelay != 0)
                #expect(try redis.command(["PING"]) == .status("PONG"))
            }
        }
    }

    @Test("a closed connection is closed")
    func close() throws {
        try withRedis { redis throws in
            redis.close()
            redis.close()
            #expect(!redis.isUsable)
            #expect(throws: RedisError.closed) { try redis.command(["PING"]) }
        }
    }
}

@Suite struct RedisEndpointTests {
    @Test("an endpoint does not show its password")
    func redacts() {
        let endpoint = RedisEndpoint(.tcp(host: "::1", port: 6379), user: "me", password: "s3cret", database: 2)
        var dumped = ""
        dump(endpoint, to: &dumped)
        for text in ["\(endpoint)", String(reflecting: endpoint), dumped] {
            #expect(!text.contains("s3cret"))
            #expect(text.contains("redis://[::1]:6379/2"))
        }
        #expect("\(RedisEndpoint(.unix(path: "/run/r.sock")))" == "unix:/run/r.sock?db=0")
    }
}

/// The code with which Redis refused, nil when it did not.
func code(_ body: () throws -> Void) throws -> String? {
    do {
        try body()
        return nil
    } catch RedisError.refused(let code, _) {
        return code
    }
}
