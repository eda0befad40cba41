import Glibc

/// The descriptors that this process may have, and how they are divided.
///
/// Out of descriptors nothing works: no origin can be reached, and a web server that was accepted waits for an answer that
/// nobody can fetch. So what could not be served waits in the socket's queue instead.
public enum OpenFiles {
    /// How many, once our own limit has been raised as far as the system lets us (setrlimit(2)): the usual 1024 dates from
    /// `select`, which nothing here uses.
    static let limit: Int = {
        let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        var limits = rlimit()
        guard unsafe getrlimit(resource, &limits) == 0 else { return 1024 }
        let allowed = limits.rlim_cur
        limits.rlim_cur = max(allowed, min(limits.rlim_max, 65_536))
        let isRaised = unsafe setrlimit(resource, &limits) == 0
        return Int(clamping: isRaised ? limits.rlim_cur : allowed)
    }()

    /// How many connections of one kind may rest between two uses: however few descriptors there are, most of them are for
    /// what is under way. A fetch may keep five, and a pool that rests gives none of them back.
    static let resting = min(64, max(1, limit / 16))

    /// Log, Redis' probe, epoll, libraries.
    private static let forOurselves = 24

    /// Connections of web servers, busy and idle.
    public static let connections = max(4, (limit - forOurselves) / 2)

    /// Workers that can all be fetching, each with a connection to an origin, libcurl's own pipes, and one to Redis.
    static let workers = max(1, (limit - forOurselves) / 2 / descriptorsOfAWorker)
    private static let descriptorsOfAWorker = 5

    /// Workers that there may be beside `workers`, to serve what is in the cache, with a connection to Redis each: of those
    /// a few can always be spared.
    static func reserve(beside workers: Int) -> Int {
        max(2, (limit - forOurselves) / 2 - workers * descriptorsOfAWorker)
    }
}
