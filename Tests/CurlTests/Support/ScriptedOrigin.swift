import Foundation
import Glibc
import Synchronization

/// An HTTP server on a loopback port that does with each connection what a test's script says, on a thread of its own.
final class ScriptedOrigin {
    let port: UInt16
    private let listener: Int32
    private let seen = Seen()

    /// What has arrived so far, and the connections that are open. The server notes a request before it answers.
    private final class Seen: Sendable {
        let connectionCount = Mutex(0)
        let open = Mutex<Set<Int32>>([])
        let requests = Mutex<[String]>([])
    }

    init(_ script: @escaping @Sendable (Visitor) -> Void) throws {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        self.listener = listener
        port = try listenOnLoopback(listener, backlog: 64)
        Thread.detachNewThread { [seen] in
            while case let descriptor = accept(listener, nil, nil), descriptor >= 0 {
                seen.connectionCount.withLock { $0 += 1 }
                seen.open.withLock { _ = $0.insert(descriptor) }
                Thread.detachNewThread { Self.serve(descriptor, script, seen) }
            }
            close(listener)
        }
    }

    private static func serve(_ descriptor: Int32, _ script: @Sendable (Visitor) -> Void, _ seen: Seen) {
        let visitor = Visitor(descriptor: descriptor) { head in seen.requests.withLock { $0.append(head) } }
        script(visitor)
        // What was sent arrives before the end does: closing with unread bytes would reset it away.
        shutdown(descriptor, Int32(SHUT_WR))
        visitor.hold()
        seen.open.withLock { open in
            open.remove(descriptor)
            close(descriptor)
        }
    }

    /// Ends the threads. Each closes what it uses itself, so that no number is used again under its hands.
    deinit {
        shutdown(listener, Int32(SHUT_RDWR))
        seen.open.withLock { for descriptor in $0 { shutdown(descriptor, Int32(SHUT_RDWR)) } }
    }

    /// Answers the first request of each connection with `answer` and hangs up.
    convenience init(answeringOnce answer: String) throws {
        try self.init { visitor in
            guard visitor.receiveHead() != nil else { return }
            visitor.send(answer)
        }
    }

    /// Answers every request of each connection with `answer`.
    convenience init(answering answer: String = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok") throws {
        try self.init { visitor in while visitor.receiveHead() != nil { visitor.send(answer) } }
    }

    var connectionCount: Int { seen.connectionCount.withLock { $0 } }
    var requests: [String] { seen.requests.withLock { $0 } }

    func url(_ target: String = "/") -> String { "http://127.0.0.1:\(port)\(target)" }
}

/// The server's end of a connection.
struct Visitor: Sendable {
    let descriptor: Int32
    let note: @Sendable (String) -> Void

    /// The next request's head, without the empty line that ends it; nil when the client has hung up.
    func receiveHead() -> String? {
        var head: [UInt8] = []
        var byte: UInt8 = 0
        while !head.suffix(4).elementsEqual("\r\n\r\n".utf8) {
            guard unsafe recv(descriptor, &byte, 1, 0) == 1 else { return nil }
            head.append(byte)
        }
        let text = String(decoding: head.dropLast(4), as: UTF8.self)
        note(text)
        return text
    }

    /// Whether all of it could be sent.
    @discardableResult func send(_ text: String) -> Bool { send(Array(text.utf8)) }

    @discardableResult func send(_ bytes: [UInt8]) -> Bool {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = unsafe rest.withUnsafeBytes {
                unsafe Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }

    /// A byte a millisecond, until the client hangs up.
    func drip() { while send("x") { usleep(1000) } }

    /// Reads until the client hangs up.
    func hold() {
        var byte: UInt8 = 0
        while unsafe recv(descriptor, &byte, 1, 0) > 0 {}
    }
}

struct SystemFailure: Error { let call: String }

/// Binds `descriptor` to a free loopback port, which it returns, and listens if there is to be a queue.
func listenOnLoopback(_ descriptor: Int32, backlog: Int32?) throws -> UInt16 {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let status = unsafe withUnsafeMutablePointer(to: &address) { pointer in
        unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            unsafe bind(descriptor, $0, size) == 0 ? getsockname(descriptor, $0, &size) : -1
        }
    }
    guard status == 0, backlog.map({ listen(descriptor, $0) }) ?? 0 == 0 else { throw SystemFailure(call: "listen") }
    return UInt16(bigEndian: address.sin_port)
}

/// A port whose queue is full and never emptied: what connects to it waits.
final class FullQueue {
    let port: UInt16
    private var descriptors: [Int32] = []

    init() throws {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        descriptors = [listener]
        port = try listenOnLoopback(listener, backlog: 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        for _ in 0..<8 {
            let client = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue), 0)
            descriptors.append(client)
            _ = unsafe withUnsafePointer(to: &address) { pointer in
                unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    unsafe connect(client, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
        }
    }

    deinit { for descriptor in descriptors { close(descriptor) } }
}
