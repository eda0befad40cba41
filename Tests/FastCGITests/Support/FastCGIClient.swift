import FastCGI
import Glibc

/// The web server's end of a connection: it sends bytes and reads records, and knows nothing of libfcgi.
final class FastCGIClient {
    private var descriptor: Int32

    /// Nothing a test waits for takes this long: it ends a test that would hang.
    private static let patience = timeval(tv_sec: 20, tv_usec: 0)

    enum Failure: Error, Equatable {
        case closed
        case invalidRecord(version: UInt8)
        case unexpected(type: UInt8)
    }

    struct Response: Equatable {
        var output: [UInt8] = []
        /// The content of each FCGI_STDOUT record that had some.
        var recordSizes: [Int] = []
        var requestIdentifier: UInt16 = 0
        /// The body of FCGI_END_REQUEST: the application's status and the protocol's.
        var applicationStatus: UInt32 = .max
        var protocolStatus: UInt8 = .max

        var text: String { String(decoding: output, as: UTF8.self) }
    }

    init(to address: FastCGIAddress) throws {
        switch address {
        case .unix(let path): descriptor = try Self.connect(path: path)
        case .tcp(_, let port): descriptor = try Self.connect(port: port)
        }
        var patience = Self.patience
        let size = socklen_t(MemoryLayout<timeval>.size)
        unsafe setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, size)
        unsafe setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &patience, size)
    }

    deinit { close() }

    func close() {
        if descriptor >= 0 { _ = Glibc.close(descriptor) }
        descriptor = -1
    }

    /// Says that nothing more will be sent.
    func endSending() { shutdown(descriptor, Int32(SHUT_WR)) }

    func send(_ request: WireRequest) throws { try send(request.bytes) }

    func send(_ bytes: [UInt8]) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = unsafe rest.withUnsafeBytes {
                unsafe Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { throw SystemFailure("send") }
            rest = rest.dropFirst(count)
        }
    }

    /// Waits until the other side has read everything: what is sent next arrives apart from it.
    func waitUntilRead() throws {
        var unread: Int32 = 1
        while unread > 0 {
            guard unsafe ioctl(descriptor, UInt(TIOCOUTQ), &unread) == 0 else { throw SystemFailure("ioctl") }
            sched_yield()
        }
    }

    /// Reads to FCGI_END_REQUEST, and judges every record on the way.
    func response() throws -> Response {
        var response = Response()
        while true {
            let record = try record()
            response.requestIdentifier = record.requestIdentifier
            switch FastCGIRecord.Kind(rawValue: record.type) {
            case .stdout:
                response.output += record.content
                if !record.content.isEmpty { response.recordSizes.append(record.content.count) }
            case .stderr where record.content.isEmpty: break
            case .end where record.content.count == 8:
                response.applicationStatus = record.content[..<4].reduce(0) { $0 << 8 | UInt32($1) }
                response.protocolStatus = record.content[4]
                return response
            default: throw Failure.unexpected(type: record.type)
            }
        }
    }

    /// Reads one record; throws where the bytes are none.
    func record() throws -> FastCGIRecord {
        let header = try read(8)
        guard header[0] == 1 else { throw Failure.invalidRecord(version: header[0]) }
        let count = Int(header[4]) << 8 | Int(header[5])
        var record = FastCGIRecord(.stdout, try read(count))
        record.type = header[1]
        record.requestIdentifier = UInt16(header[2]) << 8 | UInt16(header[3])
        record.padding = Int(header[6])
        _ = try read(record.padding)
        return record
    }

    /// Whether the other side has closed the connection, with nothing left to read.
    func isAtEnd() -> Bool {
        do {
            _ = try read(1)
            return false
        } catch { return true }
    }

    /// Exactly `count` bytes.
    func read(_ count: Int) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        var filled = 0
        while filled < count {
            let received = unsafe bytes.withUnsafeMutableBytes { buffer in
                unsafe recv(descriptor, buffer.baseAddress.map { unsafe $0 + filled }, count - filled, 0)
            }
            if received == 0 || received < 0 && errno == ECONNRESET { throw Failure.closed }
            guard received > 0 else { throw SystemFailure("recv") }
            filled += received
        }
        return bytes
    }
}

extension FastCGIClient {
    private static func connect(path: String) throws -> Int32 {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: path.utf8) }
        return try connect(AF_UNIX, &address)
    }

    private static func connect(port: UInt16) throws -> Int32 {
        var address = loopback(port)
        return try connect(AF_INET, &address)
    }

    private static func connect<Address>(_ family: Int32, _ address: inout Address) throws -> Int32 {
        let descriptor = socket(family, Int32(SOCK_STREAM.rawValue), 0)
        let result = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<Address>.size))
            }
        }
        guard result == 0 else {
            _ = Glibc.close(descriptor)
            throw SystemFailure("connect")
        }
        return descriptor
    }
}

func loopback(_ port: UInt16) -> sockaddr_in {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    return address
}

/// A port that was free a moment ago.
func freePort() throws -> UInt16 {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    var address = loopback(0)
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let status = unsafe withUnsafeMutablePointer(to: &address) { pointer in
        unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            unsafe bind(descriptor, $0, size) == 0 ? getsockname(descriptor, $0, &size) : -1
        }
    }
    guard status == 0 else { throw SystemFailure("bind") }
    return UInt16(bigEndian: address.sin_port)
}
