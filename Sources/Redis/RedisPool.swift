/// Idle connections to one endpoint, those that are used most first: they are the least likely to have been closed by their
/// peer.
///
/// It bounds what lies idle, not what is in use: that are as many as there are threads.
public final class RedisPool: Sendable {
    private let endpoint: RedisEndpoint
    private let timeouts: RedisTimeouts
    private let heldUp: @Sendable () -> Void
    private let idle: RestingPlaces

    /// Opens nothing yet; at most `capacity` connections are kept. `heldUp` is called, on the thread that waits, before a
    /// connection is made, and when a call takes more than a few milliseconds.
    public init(
        to endpoint: RedisEndpoint, timeouts: RedisTimeouts = RedisTimeouts(), capacity: Int,
        heldUp: @escaping @Sendable () -> Void = {}
    ) {
        self.endpoint = endpoint
        self.heldUp = heldUp
        self.timeouts = timeouts
        idle = RestingPlaces(capacity: capacity)
    }

    deinit { closeIdle() }

    /// How many connections lie idle.
    public var idleCount: Int { idle.count }

    /// An idle connection that its peer has not closed meanwhile, or else a new one.
    public func take() throws(RedisError) -> sending RedisConnection {
        while let resting = idle.take() {
            if resting.isUsableNow() { return resting }
        }
        heldUp()
        return try RedisConnection(to: endpoint, timeouts: timeouts, heldUp: heldUp)
    }

    /// Keeps a connection for the next who asks, unless it has failed or there are enough. A string that is still open
    /// on it is closed.
    public func give(back connection: sending RedisConnection) {
        connection.closeString()
        if connection.isIdle { idle.put(connection) }
    }

    /// Lends a connection for the time of `body`, which must not let it get out.
    public func withConnection<Result: Sendable>(
        _ body: (RedisConnection) throws(RedisError) -> Result
    ) throws(RedisError) -> Result {
        let lent = Lent(connection: try take())
        defer { give(back: lent.connection) }
        return try body(lent.connection)
    }

    /// A connection for as long as the answer lives, which may be longer than a call.
    public func lease() throws(RedisError) -> RedisLease { RedisLease(try take(), from: self) }

    /// Closes all that lie idle.
    public func closeIdle() {
        while let resting = idle.take() { resting.close() }
    }

    /// `@unchecked Sendable`: whoever borrows it keeps no reference, so that it is in the hands of one thread, or in those of
    /// the pool.
    fileprivate struct Lent: @unchecked Sendable {
        let connection: RedisConnection
    }
}

/// A connection on loan: it goes back to its pool with the last reference to this. Not Sendable, as the connection.
public final class RedisLease {
    public var connection: RedisConnection { lent.connection }
    private let lent: RedisPool.Lent
    private let pool: RedisPool

    fileprivate init(_ connection: sending RedisConnection, from pool: RedisPool) {
        lent = RedisPool.Lent(connection: connection)
        self.pool = pool
    }

    deinit { pool.give(back: lent.connection) }
}
