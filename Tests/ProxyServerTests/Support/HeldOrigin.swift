import Dispatch
import Foundation
import Glibc
import Synchronization

/// An HTTP server on a loopback port that answers when the test lets it: each request runs the test's script on a thread
/// of its own.
final class HeldOrigin {
    /// What answers request `number`, which counts from 1.
    typealias Script = @Sendable (_ connection: OriginConnection, _ number: Int) -> Void

    let port: UInt16
    private let listener: Int32
    private let seen = Requests()

    private final class Requests: Sendable {
        let heads = Mutex<[String]>([])
        let arrived = DispatchSemaphore(value: 0)
    }

    init(_ script: @escaping Script) throws {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        self.listener = listener
        port = try bindToLoopback(listener)
        guard listen(listener, 64) == 0 else { throw SystemFailure(call: "listen") }
        Thread.detachNewThread { [seen] in
            while case let descriptor = accept(listener, nil, nil), descriptor >= 0 {
                Thread.detachNewThread {
                    let connection = OriginConnection(descriptor)
                    guard let head = connection.head() else { return }
                    let number = seen.heads.withLock { heads in
                        heads.append(head)
                        return heads.count
                    }
                    seen.arrived.signal()
                    script(connection, number)
                }
            }
            close(listener)
        }
    }

    /// Wakes the thread, which closes the socket that it uses.
    deinit { shutdown(listener, Int32(SHUT_RDWR)) }

    func url(_ path: String = "/a.png") -> String { "http://127.0.0.1:\(port)\(path)" }

    /// The heads of the requests so far.
    var requests: [String] { seen.heads.withLock { $0 } }

    /// Waits for the next request; false after a minute.
    func waitForRequest() -> Bool { seen.arrived.wait(timeout: .now() + .seconds(60)) == .success }
}

/// One connection to an origin, which answers one request and is closed with the last reference.
final class OriginConnection: Sendable {
    private let descriptor: Int32

    init(_ descriptor: Int32) { self.descriptor = descriptor }
    deinit { close(descriptor) }

    func head() -> String? {
        var head: [UInt8] = []
        var byte: UInt8 = 0
        while !head.suffix(4).elementsEqual("\r\n\r\n".utf8) {
            guard unsafe recv(descriptor, &byte, 1, 0) == 1 else { return nil }
            head.append(byte)
        }
        return String(decoding: head, as: UTF8.self)
    }

    /// Sends bytes, if anybody takes them.
    func send(_ bytes: some Sequence<UInt8>) {
        var rest = Array(bytes)[...]
        while !rest.isEmpty {
            let count = unsafe rest.withUnsafeBytes {
                unsafe Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return }
            rest = rest.dropFirst(count)
        }
    }

    /// Sends a head; `fields` are whole lines without their ends, of which empty ones are left out.
    func send(_ status: String, _ fields: String...) { send(Self.head(status, fields)) }

    private static func head(_ status: String, _ fields: [String]) -> [UInt8] {
        let lines = ["HTTP/1.1 \(status)", "Connection: close"] + fields.filter { !$0.isEmpty }
        return Array((lines + ["", ""]).joined(separator: "\r\n").utf8)
    }

    /// Sends a whole image.
    func send(image: [UInt8], _ fields: String...) {
        send(Self.head("200 OK", ["Content-Length: \(image.count)"] + fields) + image)
    }

    /// Sends a part of a body of unknown length; an empty one ends it.
    func send(chunk: [UInt8]) { send(Array("\(String(chunk.count, radix: 16))\r\n".utf8) + chunk + Array("\r\n".utf8)) }
}

/// What one thread waits at until another opens it. It lets one through each time it is opened.
final class Gate: Sendable {
    private let semaphore = DispatchSemaphore(value: 0)

    func open() { semaphore.signal() }

    /// False after a minute.
    @discardableResult
    func wait() -> Bool { semaphore.wait(timeout: .now() + .seconds(60)) == .success }
}
