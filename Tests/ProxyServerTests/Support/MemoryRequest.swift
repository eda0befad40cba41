import Dispatch
import Glibc
import ProxyServer
import Synchronization

/// A request in memory, and everything that was done with it, by whichever thread.
final class MemoryRequest: GatewayRequest, Sendable {
    enum End: Equatable { case finished, aborted }

    private struct State {
        var params: [String: String]
        var isPeerGone = false
        var canShowAbort = true
        var isWritable = true
        var capacity = Int.max
        var written: [UInt8] = []
        var writes = 0
        var ends: [End] = []
    }

    private let state: Mutex<State>
    /// Signalled whenever something was done with it.
    private let progress = DispatchSemaphore(value: 0)
    private let peer = Peer()

    init(_ query: String = "", method: String = "GET", path: String = "/image", _ more: [String: String] = [:]) {
        var params = ["REQUEST_METHOD": method, "QUERY_STRING": query, "REQUEST_URI": "\(path)?\(query)"]
        params.merge(more) { $1 }
        state = Mutex(State(params: params))
    }

    func param(_ name: String) -> String? { state.withLock { $0.params[name] } }

    func write(_ head: RawSpan, _ body: RawSpan, isLast: Bool) throws(GatewayError) {
        let bytes = Array(copying: head) + Array(copying: body)
        let isTaken = state.withLock { state in
            state.writes += 1
            guard state.written.count + bytes.count <= state.capacity else { return false }
            state.written += bytes
            return true
        }
        progress.signal()
        guard isTaken else { throw .peerGone }
    }

    func finish() { end(.finished) }
    func abort() { end(.aborted) }

    private func end(_ end: End) {
        state.withLock { $0.ends.append(end) }
        progress.signal()
    }

    var watchedDescriptor: Int32? { peer.watched }

    var isPeerGone: Bool {
        get { state.withLock { $0.isPeerGone } }
        set { state.withLock { $0.isPeerGone = newValue } }
    }

    var canShowAbort: Bool {
        get { state.withLock { $0.canShowAbort } }
        set { state.withLock { $0.canShowAbort = newValue } }
    }

    var isWritable: Bool {
        get { state.withLock { $0.isWritable } }
        set { state.withLock { $0.isWritable = newValue } }
    }

    /// How many bytes the web server takes before it has gone.
    var capacity: Int {
        get { state.withLock { $0.capacity } }
        set { state.withLock { $0.capacity = newValue } }
    }

    /// The client goes, and takes nothing more.
    func leave() {
        state.withLock { state in
            state.isPeerGone = true
            state.capacity = state.written.count
        }
        peer.leave()
    }

    var written: [UInt8] { state.withLock { $0.written } }
    var writes: Int { state.withLock { $0.writes } }
    var ends: [End] { state.withLock { $0.ends } }
    var response: Response { Response(written) }

    /// Waits until something has been done; false after a minute.
    func wait(until isDone: (MemoryRequest) -> Bool) -> Bool {
        while !isDone(self) {
            guard progress.wait(timeout: .now() + .seconds(60)) == .success else { return false }
        }
        return true
    }

    /// Waits for so many bytes of the body.
    func waitForBody(_ count: Int) -> Bool { wait { $0.response.body.count >= count } }
}

/// The other end of a connection, of which nothing is seen but that it goes.
private final class Peer: Sendable {
    let watched: Int32
    private let other: Int32

    init() {
        var ends: [Int32] = [-1, -1]
        _ = unsafe pipe(&ends)
        (watched, other) = (ends[0], ends[1])
    }

    deinit {
        close(watched)
        close(other)
    }

    func leave() { _ = unsafe write(other, "x", 1) }
}

/// A CGI response taken apart.
struct Response {
    var fields: [(name: String, value: String)] = []
    var body: [UInt8] = []

    init(_ bytes: [UInt8]) {
        let end = bytes.indices.first { bytes[$0...].starts(with: "\r\n\r\n".utf8) } ?? bytes.endIndex
        body = Array(bytes[end...].dropFirst(4))
        for line in String(decoding: bytes[..<end], as: UTF8.self).split(separator: "\r\n") {
            let parts = line.split(separator: ":", maxSplits: 1).map(String.init)
            fields.append((parts[0], String(parts.last?.dropFirst() ?? "")))
        }
    }

    /// The field's value; nil when it is not there exactly once.
    subscript(name: String) -> String? {
        let values = fields.filter { $0.name == name }.map(\.value)
        return values.count == 1 ? values[0] : nil
    }

    var status: Int? { self["Status"].flatMap { Int($0.prefix(3)) } }
    var text: String { String(decoding: body, as: UTF8.self) }
}

extension [UInt8] {
    init(copying bytes: RawSpan) { self = unsafe bytes.withUnsafeBytes { unsafe Array($0) } }
}
