import ProxyServer

/// A request in memory, and everything that was done with it.
final class MemoryRequest: GatewayRequest {
    enum End: Equatable { case finished, aborted }

    var params: [String: String]
    var isPeerGone = false
    var canShowAbort = true
    /// How many bytes the web server takes before it has gone.
    var capacity = Int.max

    private(set) var written: [UInt8] = []
    private(set) var writes = 0
    private(set) var ends: [End] = []

    init(_ query: String = "", method: String = "GET", path: String = "/image", _ more: [String: String] = [:]) {
        params = ["REQUEST_METHOD": method, "QUERY_STRING": query, "REQUEST_URI": "\(path)?\(query)"]
        params.merge(more) { $1 }
    }

    func param(_ name: String) -> String? { params[name] }

    func write(_ head: RawSpan, _ body: RawSpan, isLast: Bool) throws(GatewayError) {
        writes += 1
        guard written.count + head.byteCount + body.byteCount <= capacity else { throw .peerGone }
        for piece in [Array(copying: head), Array(copying: body)] { written += piece }
    }

    func finish() { ends.append(.finished) }
    func abort() { ends.append(.aborted) }
    var watchedDescriptor: Int32? { nil }

    var response: Response { Response(written) }
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
