internal import CHiredis
internal import Glibc

/// Opens hiredis contexts within a deadline.
enum RedisConnector {
    /// The caller owns the context and frees it by `redisFree`.
    static func open(
        _ address: RedisEndpoint.Address, until deadline: Deadline
    ) throws(RedisError) -> UnsafeMutablePointer<redisContext> {
        switch address {
        case .unix(let path):
            // hiredis 0.14 would cut a longer path short and connect to whatever is there.
            guard path.utf8.count <= 107, !path.utf8.contains(0) else { throw .connectionFailed("bad socket path") }
            return try unsafe open(until: deadline, within: deadline.remaining) {
                unsafe redisConnectUnixWithTimeout(path, $0)
            }
        case .tcp(let host, let port):
            return try unsafe open(host, port, until: deadline)
        }
    }

    /// Tries every address of a host, each with its share of the time that is left, so that one which swallows packets
    /// does not keep us from the next.
    private static func open(
        _ host: String, _ port: UInt16, until deadline: Deadline
    ) throws(RedisError) -> UnsafeMutablePointer<redisContext> {
        let addresses = try NameResolver.shared.addresses(of: host, until: deadline)
        var failure = RedisError.connectionFailed("no address")
        for (index, address) in addresses.enumerated() {
            let share = deadline.remaining / (addresses.count - index)
            do {
                return try unsafe open(until: deadline, within: share) {
                    unsafe redisConnectWithTimeout(address, Int32(port), $0)
                }
            } catch {
                failure = error
            }
        }
        throw failure
    }

    private static func open(
        until deadline: Deadline, within share: Duration,
        _ connect: (timeval) -> UnsafeMutablePointer<redisContext>?
    ) throws(RedisError) -> UnsafeMutablePointer<redisContext> {
        let attempt = Deadline(after: share, atMost: deadline.instant)
        while true {
            guard let milliseconds = attempt.milliseconds else { throw .timedOut }
            let limit = timeval(tv_sec: Int(milliseconds / 1000), tv_usec: Int(milliseconds % 1000) * 1000)
            guard let context = unsafe connect(limit) else { throw .connectionFailed("out of memory") }
            let cause = errno
            guard unsafe context.pointee.err != 0 else {
                // A command that another thread starts must not inherit the connection.
                _ = unsafe fcntl(context.pointee.fd, F_SETFD, FD_CLOEXEC)
                return unsafe context
            }
            let failure = unsafe failure(of: context, cause)
            unsafe redisFree(context)
            if let failure { throw failure }
        }
    }

    /// nil when a signal came in between, which hiredis does not retry.
    private static func failure(of context: UnsafeMutablePointer<redisContext>, _ cause: Int32) -> RedisError? {
        if unsafe context.pointee.err == REDIS_ERR_IO {
            if cause == EINTR { return nil }
            if cause == ETIMEDOUT { return .timedOut }
        }
        let text = unsafe withUnsafeBytes(of: &context.pointee.errstr) { bytes in
            unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
        return .connectionFailed(text)
    }
}
