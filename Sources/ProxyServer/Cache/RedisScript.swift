internal import Redis

/// What must happen in Redis at once and depends on what is there: scripts, which Redis runs without letting anything in
/// between. A transaction could not look first, and watching a key would take another round trip.
struct RedisScript {
    private let text: RedisArgument
    private let keys: [RedisArgument]
    private let arguments: [RedisArgument]

    /// The words that make Redis run it.
    var command: [RedisArgument] { ["EVAL", text, RedisArgument(keys.count)] + keys + arguments }
}

extension RedisScript {
    /// Ends a draft of `length` bytes and gives it its name: 1, or 0 when it is not there as it was written.
    static func publish(
        draft: RedisArgument, key: RedisArgument, length: Int, closing: [UInt8], at offset: Int, expiry: Duration
    ) -> RedisScript {
        RedisScript(
            text: """
                if redis.call('STRLEN', KEYS[1]) ~= tonumber(ARGV[1]) then return 0 end
                redis.call('SETRANGE', KEYS[1], ARGV[2], ARGV[3])
                redis.call('PEXPIRE', KEYS[1], ARGV[4])
                redis.call('RENAME', KEYS[1], KEYS[2])
                return 1
                """,
            keys: [draft, key],
            arguments: [
                RedisArgument(length), RedisArgument(offset), RedisArgument(closing),
                RedisArgument(milliseconds: expiry),
            ])
    }
}

extension RedisScript {
    /// Puts another closing into a value of `length` bytes that ends in `tail`: 1, or 0 when there is another value.
    /// White space makes the closing as long as the one that was there, so that nothing of that is left.
    static func patch(
        key: RedisArgument, tail: [UInt8], length: Int, closing: [UInt8], at offset: Int, expiry: Duration
    ) -> RedisScript {
        RedisScript(
            text: """
                if redis.call('STRLEN', KEYS[1]) ~= tonumber(ARGV[1]) then return 0 end
                if redis.call('GETRANGE', KEYS[1], -#ARGV[2], -1) ~= ARGV[2] then return 0 end
                redis.call('SETRANGE', KEYS[1], ARGV[3], ARGV[4])
                redis.call('PEXPIRE', KEYS[1], ARGV[5])
                return 1
                """,
            keys: [key],
            arguments: [
                RedisArgument(length), RedisArgument(tail), RedisArgument(offset), RedisArgument(closing),
                RedisArgument(milliseconds: expiry),
            ])
    }

    /// Holds a lease for `time` from now: 1, or 0 when it is not that of `token`.
    static func extend(lease: RedisArgument, token: RedisArgument, for time: Duration) -> RedisScript {
        RedisScript(
            text: """
                if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
                return redis.call('PEXPIRE', KEYS[1], ARGV[2])
                """,
            keys: [lease], arguments: [token, RedisArgument(milliseconds: time)])
    }

    /// Ends a lease, if it is that of `token`; a verdict takes its place for `time`.
    static func end(
        lease: RedisArgument, token: RedisArgument, leaving verdict: RedisArgument?, for time: Duration
    ) -> RedisScript {
        RedisScript(
            text: """
                if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
                if #ARGV == 1 then return redis.call('DEL', KEYS[1]) end
                redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
                return 1
                """,
            keys: [lease],
            arguments: [token] + (verdict.map { [$0, RedisArgument(milliseconds: time)] } ?? []))
    }
}

extension RedisScript {
    /// Removes a value of `length` bytes that ends in `tail`: 1, or 0 when there is another value.
    static func remove(_ key: RedisArgument, tail: [UInt8], length: Int) -> RedisScript {
        RedisScript(
            text: """
                if redis.call('STRLEN', KEYS[1]) ~= tonumber(ARGV[1]) then return 0 end
                if #ARGV[2] > 0 and redis.call('GETRANGE', KEYS[1], -#ARGV[2], -1) ~= ARGV[2] then return 0 end
                return redis.call('UNLINK', KEYS[1])
                """,
            keys: [key], arguments: [RedisArgument(length), RedisArgument(tail)])
    }

    /// Removes a value that is no string: 1, or 0 when there is one.
    static func removeUnlessString(_ key: RedisArgument) -> RedisScript {
        RedisScript(
            text: """
                if redis.call('TYPE', KEYS[1]).ok == 'string' then return 0 end
                return redis.call('UNLINK', KEYS[1])
                """,
            keys: [key], arguments: [])
    }

    /// Removes a key that does not expire: 1, or 0 when it does, or is not there.
    static func removeUnlessExpiring(_ key: RedisArgument) -> RedisScript {
        RedisScript(
            text: """
                if redis.call('PTTL', KEYS[1]) ~= -1 then return 0 end
                return redis.call('UNLINK', KEYS[1])
                """,
            keys: [key], arguments: [])
    }
}
