internal import Synchronization

/// Idle connections to one endpoint, the last used first: it is the least likely to have been closed by its peer.
///
/// It bounds what lies idle, not what is in use: that are as many as there are threads.
public final class RedisPool: Sendable {
    /// `@unchecked Sendable`: it is in the pool's array or in the hands of the one thread that took it out under the
    /// lock, never both. Whoever gives it back keeps no reference: `give(back:)` demands it (`sending`), and the body
    /// of `withConnection` only borrows.
    private struct Idle: @unchecked Sendable {
        let connection: RedisConnection
    }

    private let endpoint: RedisEndpoint
    private let timeouts: RedisTimeouts
    private let capacity: Int
    private let idle = Mutex<[Idle]>([])

    /// Opens nothing yet; at most `capacity` connections are kept.
    public init(to endpoint: RedisEndpoint, timeouts: RedisTimeouts = RedisTimeouts(), capacity: Int) {
        self.endpoint = endpoint
        self.timeouts = timeouts
        self.capacity = capacity
    }

    /// How many connections lie idle.
    public var idleCount: Int { idle.withLock { $0.count } }

    /// An idle connection that its peer has not closed meanwhile, or else a new one.
    public func take() throws(RedisError) -> sending RedisConnection {
        while let last = idle.withLock({ $0.popLast() }) {
            if last.connection.isUsableNow() { return last.connection }
        }
        return try RedisConnection(to: endpoint, timeouts: timeouts)
    }

    /// Keeps a connection for the next who asks, unless it has failed or there are enough. A string that is still open
    /// on it is closed.
    public func give(back connection: sending RedisConnection) {
        keep(Idle(connection: connection))
    }

    /// Lends a connection for the time of `body`, which must not let it get out.
    public func withConnection<Result: Sendable>(
        _ body: (RedisConnection) throws(RedisError) -> Result
    ) throws(RedisError) -> Result {
        let lent = Idle(connection: try take())
        defer { keep(lent) }
        return try body(lent.connection)
    }

    /// A connection for as long as the answer lives, which may be longer than a call.
    public func lease() throws(RedisError) -> RedisLease { RedisLease(try take(), from: self) }

    fileprivate func keep(_ connection: RedisConnection) { keep(Idle(connection: connection)) }

    private func keep(_ returned: Idle) {
        returned.connection.closeString()
        guard returned.connection.isIdle else { return }
        idle.withLock { idle in
            if idle.count < capacity { idle.append(returned) }
        }
    }

    /// Closes all that lie idle.
    public func closeIdle() {
        let closed = idle.withLock { idle in
            defer { idle = [] }
            return idle
        }
        for entry in closed { entry.connection.close() }
    }
}

/// A connection on loan: it goes back to its pool with the last reference to this. Not Sendable, as the connection.
public final class RedisLease {
    public let connection: RedisConnection
    private let pool: RedisPool

    fileprivate init(_ connection: RedisConnection, from pool: RedisPool) {
        self.connection = connection
        self.pool = pool
    }

    deinit { pool.keep(connection) }
}
