import Dispatch
import Redis
import Testing

@Suite struct RedisPoolTests {
    @Test("connections are reused, always the same first, and no more kept than there is room for")
    func reuses() throws {
        try withServer { server throws in
            let pool = RedisPool(to: server.unix, timeouts: .patient, capacity: 2)
            var ids: [RedisReply] = []
            do {
                let (first, second, third) = (try pool.take(), try pool.take(), try pool.take())
                ids = [try first.command(["CLIENT", "ID"]), try second.command(["CLIENT", "ID"])]
                pool.give(back: first)
                pool.give(back: second)
                pool.give(back: third)
            }
            #expect(pool.idleCount == 2)
            #expect(
                try pool.withConnection { redis throws(RedisError) in try redis.command(["CLIENT", "ID"]) } == ids[0])
            #expect(pool.idleCount == 2)
            pool.closeIdle()
            #expect(pool.idleCount == 0)
            let id = try pool.withConnection { redis throws(RedisError) in try redis.command(["CLIENT", "ID"]) }
            #expect(!ids.contains(id))
        }
    }

    @Test("a connection that has failed, or that its server has closed, is not lent again")
    func drops() throws {
        try withServer { server throws in
            let pool = RedisPool(to: server.unix, timeouts: .patient, capacity: 2)
            #expect(throws: RedisError.closed) {
                try pool.withConnection { redis throws(RedisError) in
                    redis.close()
                    _ = try redis.command(["PING"])
                }
            }
            #expect(pool.idleCount == 0)
            try pool.withConnection { redis throws(RedisError) in _ = try redis.command(["PING"]) }
            #expect(pool.idleCount == 1)
            _ = try server.connect().command(["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"])
            let reply = try pool.withConnection { redis throws(RedisError) in try redis.command(["PING"]) }
            #expect(reply == .status("PONG"))
        }
    }

    @Test("a string left open is closed before the next has the connection")
    func closesString() throws {
        try withServer { server throws in
            let pool = RedisPool(to: server.unix, timeouts: .patient, capacity: 1)
            try pool.withConnection { redis throws(RedisError) in
                try redis.set("a", pattern(100_000))
                _ = try redis.openString(bytes("a"), tail: 3, limit: 100_000)
            }
            #expect(pool.idleCount == 1)
            let reply = try pool.withConnection { redis throws(RedisError) in try redis.command(["PING"]) }
            #expect(reply == .status("PONG"))
        }
    }

    @Test("many threads that take and give back at once never have the same connection")
    func churn() throws {
        try withServer { server throws in
            let pool = RedisPool(to: server.unix, timeouts: .patient, capacity: 3)
            DispatchQueue.concurrentPerform(iterations: 8) { worker in
                let mine = RedisReply.string(bytes("worker \(worker)"))
                for _ in 0..<200 {
                    #expect(throws: Never.self) {
                        // Two that shared a connection would read each other's.
                        let said = try pool.withConnection { redis throws(RedisError) in
                            try redis.command(["ECHO", RedisArgument("worker \(worker)")])
                        }
                        #expect(said == mine)
                    }
                }
            }
            #expect((1...3).contains(pool.idleCount))
        }
    }

    @Test("threads share a pool and get their own answers")
    func threads() throws {
        try withServer { server throws in
            let pool = RedisPool(to: server.unix, timeouts: .patient, capacity: 4)
            DispatchQueue.concurrentPerform(iterations: 4) { worker in
                let value = pattern(50_000 + worker)
                for _ in 0..<20 {
                    #expect(throws: Never.self) {
                        let read = try pool.withConnection { redis throws(RedisError) in
                            try redis.set("key\(worker)", value)
                            _ = try redis.openString(bytes("key\(worker)"), tail: 9, limit: value.count)
                            return try redis.readAll()
                        }
                        #expect(read == value)
                    }
                }
            }
        }
    }
}
