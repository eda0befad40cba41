import Glibc
import Logging
import ProxyCore
import ProxyServer

/// Reads the configuration from where the operator may have put it.
enum ConfigurationLoading {
    /// `file` is what `--config` named. On failure every problem is on standard error.
    static func load(file: String?) -> Configuration? {
        guard let text = findFile(named: file) else { return nil }
        do throws(ConfigurationProblems) {
            return try Configuration.load(
                environment: settings, file: text.file, validators: validators, readSecretFile: { readFile($0) })
        } catch {
            printError("\(error)")
            return nil
        }
    }

    static func logger(_ log: Configuration.Log) -> Logger {
        let level = Logger.Level(rawValue: log.level.rawValue) ?? .info
        let format: StandardErrorLogHandler.Format = log.format == .json ? .json : .text
        return Logger(label: "image-proxy") { _ in StandardErrorLogHandler(level: level, format: format) }
    }

    /// For a command that only reads or steers the cache: what goes well is no news.
    static func quietLogger(_ log: Configuration.Log) -> Logger {
        var logger = logger(log)
        logger.logLevel = max(logger.logLevel, .warning)
        return logger
    }

    private struct FoundFile { let file: (name: String, text: String)? }

    private static let validators = Configuration.Validators(
        host: { HostPattern($0) != nil }, network: { AllowedNetwork($0) != nil }, adminNetwork: { Network($0) != nil },
        readableFile: { unsafe access($0, R_OK) == 0 })

    /// A file that was named must be there; the two usual places may be empty.
    private static func findFile(named name: String?) -> FoundFile? {
        if let name = name ?? environment("IMAGE_PROXY_CONFIG") {
            guard let text = readFile(name) else {
                printError("\(name): the configuration file cannot be read (\(lastError()))")
                return nil
            }
            return FoundFile(file: (name, text))
        }
        for name in usualPlaces {
            if let text = readFile(name) { return FoundFile(file: (name, text)) }
            guard errno == ENOENT || errno == ENOTDIR else {
                printError("\(name): the configuration file cannot be read (\(lastError()))")
                return nil
            }
        }
        return FoundFile(file: nil)
    }

    private static var usualPlaces: [String] {
        let beside = Executable.path.flatMap { path in
            path.lastIndex(of: "/").map { String(path[...$0]) + "image-proxy.conf" }
        }
        return [beside, "/etc/image-proxy/image-proxy.conf"].compactMap { $0 }
    }

    /// Our variables alone: a CGI environment holds many others, some of them written by the client.
    private static var settings: [String: String] {
        var found: [String: String] = [:]
        var entry = unsafe environ
        while let text = unsafe entry.pointee {
            unsafe entry += 1
            guard unsafe strncmp(text, ConfigurationKey.prefix, ConfigurationKey.prefix.utf8.count) == 0 else {
                continue
            }
            let line = unsafe String(cString: text)
            guard let equals = line.firstIndex(of: "=") else { continue }
            found[String(line[..<equals])] = String(line[line.index(after: equals)...])
        }
        return found
    }

    /// Nil when it cannot be read; `errno` says why. A configuration is small: more than a megabyte is a mistake.
    private static func readFile(_ name: String) -> String? {
        let descriptor = unsafe open(name, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer {
            let reason = errno
            close(descriptor)
            errno = reason
        }
        var text: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 16 << 10)
        while text.count < 1 << 20 {
            let count = unsafe read(descriptor, &buffer, buffer.count)
            guard count >= 0 else { return nil }
            guard count > 0 else { return String(decoding: text, as: UTF8.self) }
            text += buffer[..<count]
        }
        errno = EFBIG
        return nil
    }
}

func lastError() -> String { unsafe String(cString: strerror(errno)) }

func printError(_ text: String) { write("image-proxy: \(text)\n", to: STDERR_FILENO) }

/// Without the name of the program in front.
func printError(raw text: String) { write(text, to: STDERR_FILENO) }

func printOutput(_ text: String) { write(text, to: STDOUT_FILENO) }

func write(_ text: String, to descriptor: Int32) {
    var bytes = Array(text.utf8)[...]
    while !bytes.isEmpty {
        let count = unsafe bytes.withUnsafeBytes { unsafe Glibc.write(descriptor, $0.baseAddress, $0.count) }
        guard count > 0 else { return }
        bytes = bytes.dropFirst(count)
    }
}
