import Foundation
import Glibc
import ProxyCore
import Redis

/// A redis-server of the test's own, on a Unix socket in a temporary directory. It writes nothing to disk; it is ended
/// by its process id, and its directory removed, when the test lets go of it.
final class RedisServer {
    private let directory: URL
    private let process = Process()
    private let output = Pipe()

    /// Returns when the server says that it accepts connections.
    init(_ options: String...) throws {
        // Short: a Unix socket's path has 107 bytes at most.
        directory = FileManager.default.temporaryDirectory.appending(path: "ps-\(UInt32.random(in: 0 ... .max))")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        process.executableURL = URL(filePath: "/usr/bin/redis-server")
        process.arguments =
            [
                "--port", "0", "--unixsocket", directory.path + "/redis.sock", "--dir", directory.path, "--save", "",
                "--appendonly", "no",
            ] + options
        process.standardOutput = output
        try process.run()
        var log = Data()
        while log.range(of: Data("eady to accept connections".utf8)) == nil {
            let more = output.fileHandleForReading.availableData
            if more.isEmpty { throw SystemFailure(call: String(decoding: log, as: UTF8.self)) }
            log += more
        }
    }

    deinit {
        end()
        try? FileManager.default.removeItem(at: directory)
    }

    /// Ends the server, as a crash would.
    func end() {
        guard process.isRunning else { return }
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }

    var location: RedisLocation { RedisLocation(endpoint: .socket(path: directory.path + "/redis.sock")) }

    @discardableResult
    func command(_ words: RedisArgument...) throws -> RedisReply { try command(words) }

    @discardableResult
    func command(_ words: [RedisArgument]) throws -> RedisReply {
        let timeouts = RedisTimeouts(connect: .seconds(60), command: .seconds(60))
        let endpoint = RedisEndpoint(.unix(path: directory.path + "/redis.sock"))
        return try RedisConnection(to: endpoint, timeouts: timeouts).command(words)
    }
}
