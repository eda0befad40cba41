import Foundation
import Glibc
import Redis

/// A server that says what a test tells it to, whatever it is asked: a listening Unix socket and a thread that serves
/// one connection by a script.
final class ScriptedPeer {
    let directory: URL
    private let listener: Int32

    fileprivate init(_ script: @escaping @Sendable (Visitor) -> Void) throws {
        directory = try temporaryDirectory()
        listener = try listen(at: directory.path + "/peer.sock")
        Thread.detachNewThread { [listener] in
            let descriptor = accept(listener, nil, nil)
            guard descriptor >= 0 else { return }
            script(Visitor(descriptor: descriptor))
            close(descriptor)
        }
    }

    deinit {
        shutdown(listener, Int32(SHUT_RDWR))
        close(listener)
        try? FileManager.default.removeItem(at: directory)
    }

    func connect(_ timeouts: RedisTimeouts) throws(RedisError) -> RedisConnection {
        try RedisConnection(to: RedisEndpoint(.unix(path: directory.path + "/peer.sock")), timeouts: timeouts)
    }
}

/// Lends a connection to a peer that does as `script` says and hangs up when it returns.
func withPeer(
    _ timeouts: RedisTimeouts = .patient, script: @escaping @Sendable (Visitor) -> Void,
    body: (RedisConnection) throws -> Void
) throws {
    let peer = try ScriptedPeer(script)
    try withExtendedLifetime(peer) { try body(peer.connect(timeouts)) }
}

/// Lends a connection to a peer that waits for a request, answers with `answer`, and then says nothing more.
func withPeer(
    answering answer: String, _ timeouts: RedisTimeouts = .patient, body: (RedisConnection) throws -> Void
) throws {
    try withPeer(
        timeouts,
        script: { visitor in
            visitor.receive()
            visitor.send(answer)
            visitor.hold()
        }, body: body)
}

/// The peer's end of a connection.
struct Visitor: Sendable {
    let descriptor: Int32

    /// Waits for the next bytes.
    func receive() {
        var bytes = [UInt8](repeating: 0, count: 64 << 10)
        _ = unsafe recv(descriptor, &bytes, bytes.count, 0)
    }

    /// Whether all of it could be sent.
    @discardableResult func send(_ text: String) -> Bool {
        var bytes = Array(text.utf8)
        while !bytes.isEmpty {
            let count = unsafe Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL))
            if count <= 0 { return false }
            bytes.removeFirst(count)
        }
        return true
    }

    /// Sends each part when the visitor has taken the one before: they arrive apart.
    func sendApart(_ parts: [String]) {
        for part in parts {
            guard send(part) else { return }
            var untaken: Int32 = 1
            while untaken > 0 {
                guard unsafe ioctl(descriptor, UInt(TIOCOUTQ), &untaken) == 0 else { return }
                sched_yield()
            }
        }
    }

    /// A byte a millisecond, until the visitor hangs up.
    func drip() { while send("x") { usleep(1000) } }

    /// Reads until the visitor hangs up.
    func hold() {
        var byte: UInt8 = 0
        while unsafe recv(descriptor, &byte, 1, 0) > 0 {}
    }
}

private func listen(at path: String) throws -> Int32 {
    let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: Array(path.utf8)) }
    let status = unsafe withUnsafePointer(to: &address) { pointer in
        unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            unsafe bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
        }
    }
    guard status == 0, Glibc.listen(descriptor, 8) == 0 else { throw ServerFailure(log: "cannot listen at \(path)") }
    return descriptor
}
