import FastCGI
import Foundation
import Glibc
import ProxyCore
import Redis

@testable import ProxyServer

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

    /// A cache in it, whose timeout no test reaches unless it says so.
    func tier(
        timeout: Duration = .seconds(10), format: Configuration.Cache.Format = .json, storeBudget: ByteCount? = nil,
        metrics: Metrics = Metrics()
    ) -> RedisTier {
        var settings = Configuration.Cache()
        if let storeBudget { settings.storeBudget = storeBudget }
        settings.timeout = timeout
        settings.format = format
        return RedisTier(
            location, settings, turnstile: Turnstile(limit: 4), metrics: metrics, logger: Samples.silent)
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
