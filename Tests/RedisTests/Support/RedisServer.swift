import Foundation
import Glibc
import Redis

/// A redis-server of the test's own, on a Unix socket in a temporary directory and on a free loopback port.
/// It writes nothing to disk; it is ended by its process id, and its directory removed, when the test lets go of it.
final class RedisServer {
    let directory: URL
    let port: UInt16
    private let process = Process()
    private let output = Pipe()

    /// Returns when the server says that it accepts connections.
    fileprivate init(_ options: [String]) throws {
        directory = try temporaryDirectory()
        port = try freePort()
        process.executableURL = URL(filePath: "/usr/bin/redis-server")
        process.arguments =
            [
                "--port", "\(port)", "--bind", "127.0.0.1", "--unixsocket", directory.path + "/redis.sock",
                "--dir", directory.path, "--save", "", "--appendonly", "no",
            ] + options
        process.standardOutput = output
        try process.run()
        var log = Data()
        while log.range(of: Data("eady to accept connections".utf8)) == nil {
            let more = output.fileHandleForReading.availableData
            if more.isEmpty { throw ServerFailure(log: String(decoding: log, as: UTF8.self)) }
            log += more
        }
    }

    deinit {
        send(SIGKILL)
        process.waitUntilExit()
        try? FileManager.default.removeItem(at: directory)
    }

    var unix: RedisEndpoint { RedisEndpoint(.unix(path: directory.path + "/redis.sock")) }
    var tcp: RedisEndpoint { RedisEndpoint(.tcp(host: "127.0.0.1", port: port)) }

    /// Long enough that a busy machine never meets it.
    func connect(_ endpoint: RedisEndpoint? = nil) throws(RedisError) -> RedisConnection {
        try RedisConnection(to: endpoint ?? unix, timeouts: .patient)
    }

    func send(_ signal: Int32) { _ = Glibc.kill(process.processIdentifier, signal) }

    func kill() {
        send(SIGKILL)
        process.waitUntilExit()
    }
}

/// Lends a server for the time of `body`.
func withServer(_ options: String..., body: (RedisServer) throws -> Void) throws {
    let server = try RedisServer(options)
    try withExtendedLifetime(server) { try body(server) }
}

/// Lends a connection to a server for the time of `body`.
func withRedis(_ options: String..., body: (RedisConnection) throws -> Void) throws {
    let server = try RedisServer(options)
    try withExtendedLifetime(server) { try body(server.connect()) }
}

struct ServerFailure: Error { let log: String }

extension RedisTimeouts {
    static let patient = RedisTimeouts(connect: .seconds(30), command: .seconds(30))
    static let short = RedisTimeouts(connect: .seconds(30), command: .milliseconds(50))
}

func temporaryDirectory() throws -> URL {
    // Short: a Unix socket's path has 107 bytes at most.
    let directory = FileManager.default.temporaryDirectory.appending(path: "rt-\(UInt32.random(in: 0 ... .max))")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    return directory
}

/// A port that was free a moment ago.
func freePort() throws -> UInt16 {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let status = unsafe withUnsafeMutablePointer(to: &address) { pointer in
        unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            unsafe bind(descriptor, $0, size) == 0 ? getsockname(descriptor, $0, &size) : -1
        }
    }
    guard status == 0 else { throw ServerFailure(log: "no free port") }
    return UInt16(bigEndian: address.sin_port)
}
