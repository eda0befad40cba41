internal import CHiredis
internal import Glibc
internal import Synchronization

/// Addresses of host names, within a deadline.
///
/// `getaddrinfo` has none and can take half a minute, so it runs on a thread of its own while the caller waits as long
/// as it may. There is one such thread a name at most: who comes meanwhile waits for the same answer, and who comes
/// soon after finds it remembered. The names are those of the configuration, so what is remembered stays small.
final class NameResolver: Sendable {
    /// Returns numeric addresses, none when there are none; may block for long.
    typealias Lookup = @Sendable (String) -> [String]

    static let shared = NameResolver(lookup: systemAddresses)

    private struct Answer {
        let addresses: [String]
        let expiry: ContinuousClock.Instant
    }
    private struct State {
        var answers: [String: Answer] = [:]
        var pending: [String: PendingLookup] = [:]

        func remembered(_ host: String) -> [String]? {
            answers[host].flatMap { $0.expiry > .now ? $0.addresses : nil }
        }
    }

    private let lookup: Lookup
    private let state = Mutex(State())

    init(lookup: @escaping Lookup) { self.lookup = lookup }

    /// The addresses of `host` as text, at least one. An IP literal is its own address and costs nothing.
    func addresses(of host: String, until deadline: Deadline) throws(RedisError) -> [String] {
        guard !host.utf8.contains(0) else { throw .connectionFailed("bad host name") }
        if Self.isAddress(host) { return [host] }
        let known = state.withLock { $0.remembered(host) }
        let addresses = if let known { known } else { try lookUp(host, until: deadline) }
        guard !addresses.isEmpty else { throw .connectionFailed("host name not found") }
        return addresses
    }

    private static func isAddress(_ host: String) -> Bool {
        var bytes = in6_addr()
        return unsafe inet_pton(AF_INET, host, &bytes) == 1 || inet_pton(AF_INET6, host, &bytes) == 1
    }

    private func lookUp(_ host: String, until deadline: Deadline) throws(RedisError) -> [String] {
        guard let candidate = PendingLookup() else { throw .connectionFailed("no descriptor for a name lookup") }
        let (pending, isOurs, known) = state.withLock { state in
            // The one that was under way may have ended a moment ago.
            let known = state.remembered(host)
            let joined = state.pending[host]
            let isOurs = known == nil && joined == nil
            if isOurs { state.pending[host] = candidate }
            return (joined ?? candidate, isOurs, known)
        }
        if let known { return known }
        if isOurs {
            let hasStarted = pending.start { [self] in finish(host, lookup(host)) }
            if !hasStarted { finish(host, []) }
        }
        return try pending.addresses(until: deadline)
    }

    /// A failure is forgotten within a second, an answer within half a minute.
    private func finish(_ host: String, _ addresses: [String]) {
        let expiry = ContinuousClock.now.advanced(by: addresses.isEmpty ? .seconds(1) : .seconds(30))
        let pending = state.withLock { state in
            state.answers[host] = Answer(addresses: addresses, expiry: expiry)
            return state.pending.removeValue(forKey: host)
        }
        pending?.complete(addresses)
    }
}

/// An answer that several threads wait for. The event is written once and never read, so it wakes them all.
private final class PendingLookup: Sendable {
    private let event: Int32
    private let result = Mutex<[String]>([])

    init?() {
        event = eventfd(0, Int32(EFD_CLOEXEC))
        guard event >= 0 else { return nil }
    }

    deinit { Glibc.close(event) }

    func complete(_ addresses: [String]) {
        result.withLock { $0 = addresses }
        eventfd_write(event, 1)
    }

    func addresses(until deadline: Deadline) throws(RedisError) -> [String] {
        try RedisSocket(descriptor: event).wait(for: POLLIN, until: deadline)
        return result.withLock { $0 }
    }

    /// Whether there was a thread to be had for `work`.
    func start(_ work: @escaping @Sendable () -> Void) -> Bool {
        let box = unsafe Unmanaged.passRetained(ThreadBody(work))
        var thread = pthread_t()
        let status = unsafe pthread_create(
            &thread, nil,
            { context in
                guard let context = unsafe context else { return nil }
                unsafe Unmanaged<ThreadBody>.fromOpaque(context).takeRetainedValue().work()
                return nil
            }, box.toOpaque())
        guard status == 0 else {
            unsafe box.release()
            return false
        }
        pthread_detach(thread)
        return true
    }
}

/// Carries a closure through `pthread_create`, which knows only a pointer.
private final class ThreadBody: Sendable {
    let work: @Sendable () -> Void
    init(_ work: @escaping @Sendable () -> Void) { self.work = work }
}

/// What the system's resolver says, in its order (RFC 6724).
private func systemAddresses(of host: String) -> [String] {
    var hints = unsafe addrinfo()
    unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    var list: UnsafeMutablePointer<addrinfo>?
    guard unsafe getaddrinfo(host, nil, &hints, &list) == 0 else { return [] }
    defer { unsafe freeaddrinfo(list) }
    var addresses: [String] = []
    var next = unsafe list
    while let entry = unsafe next {
        var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
        let status = unsafe getnameinfo(
            entry.pointee.ai_addr, entry.pointee.ai_addrlen, &text, socklen_t(text.count), nil, 0, NI_NUMERICHOST)
        if status == 0 {
            addresses.append(String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self))
        }
        unsafe next = entry.pointee.ai_next
    }
    return addresses
}
