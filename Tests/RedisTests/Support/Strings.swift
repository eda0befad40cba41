import Redis

/// Bytes without a short period, so that a piece in the wrong place is seen.
func pattern(_ count: Int) -> [UInt8] {
    var state: UInt32 = 1
    return (0..<count).map { _ in
        state = state &* 1_664_525 &+ 1_013_904_223
        return UInt8(truncatingIfNeeded: state >> 16)
    }
}

func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

extension RedisConnection {
    /// What is left of the open string, read `size` bytes at a time.
    func readAll(by size: Int = 64 << 10) throws(RedisError) -> [UInt8] {
        var value: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: size)
        while true {
            var span = buffer.mutableSpan
            let count = try read(into: &span)
            if count == 0 { return value }
            value += buffer[..<count]
        }
    }

    /// Sets `key`, `size` bytes at a time.
    func set(_ key: String, _ value: [UInt8], by size: Int = 48 << 10, expiry: Duration = .seconds(60))
        throws(RedisError)
    {
        try setString(bytes(key), expiry: expiry, length: value.count) { writer throws(RedisError) in
            var offset = 0
            while offset < value.count {
                let end = min(offset + size, value.count)
                try writer.write(value.span.extracting(offset..<end))
                offset = end
            }
        }
    }
}
