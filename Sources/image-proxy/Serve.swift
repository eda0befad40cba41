internal import Dispatch
import FastCGI
import Glibc
import Logging
import ProxyCore
import ProxyServer
import Synchronization

/// Runs the FastCGI responder until it is told to stop.
enum Serve {
    static let command = Command(
        name: "serve", synopsis: "--listen unix:PATH|HOST:PORT [options]",
        summary: "Answer FastCGI on a socket of its own.",
        options: [
            ("--listen", "unix:PATH or HOST:PORT  where the web server finds it"),
            ("--socket-mode", "OCTAL  access to a Unix socket (0660)"),
            ("--socket-group", "NAME  group of a Unix socket, such as www-data"),
        ],
        flags: [("--allow-remote", "really listen on an address that other machines can reach")],
        run: { run($0) })

    private static func run(_ arguments: Arguments) -> ExitStatus {
        guard arguments.operands.isEmpty, let text = arguments.value("--listen") else {
            return Command.misused("serve needs --listen and no other words", command: command)
        }
        guard let address = FastCGIAddress(text) else {
            return Command.misused(
                "--listen \(text): expected unix:PATH (up to 90 bytes) or HOST:PORT", command: command)
        }
        guard address.isLocal || arguments.has("--allow-remote") else {
            return Command.misused(
                "--listen \(text): whoever can connect can steer the program; other machines only with --allow-remote",
                command: command)
        }
        guard let mode = UInt32(arguments.value("--socket-mode") ?? "0660", radix: 8), mode <= 0o777 else {
            return Command.misused("--socket-mode: expected an octal number such as 0660", command: command)
        }
        let access = ListeningSocket.Access(mode: mode, group: arguments.value("--socket-group"))
        return run(configurationFile: arguments.value("--config")) { () throws(FastCGIError) in
            [try ListeningSocket(at: address, access: access)]
        }
    }

    /// On sockets that were handed to us.
    static func run(on sockets: [ListeningSocket]) -> ExitStatus {
        run(configurationFile: nil) { () throws(FastCGIError) in sockets }
    }

    private static func run(
        configurationFile: String?, _ sockets: () throws(FastCGIError) -> [ListeningSocket]
    ) -> ExitStatus {
        guard let configuration = ConfigurationLoading.load(file: configurationFile) else { return .configuration }
        let logger = ConfigurationLoading.logger(configuration.log)
        do throws(FastCGIError) {
            StopSignals.hold()
            let turnstile = Turnstile(limit: Server.runningWorkers)
            let listener = try FastCGIListener(
                sockets: try sockets(), turnstile: turnstile, mostConnections: OpenFiles.connections)
            let stopping = StopSignals(logger: logger) { listener.stop() }
            let server = Server(configuration, turnstile: turnstile, logger: logger)
            guard withExtendedLifetime(stopping, { server.run(listener) }) else {
                // Workers are still at work, in libraries that `exit` would take down under them.
                _exit(ExitStatus.done.rawValue)
            }
            return .done
        } catch {
            logger.critical("Cannot listen", metadata: ["reason": "\(error)"])
            return .failed
        }
    }
}

/// Turns the first signal to stop into a call, and the second into an end.
///
/// They are blocked in every thread and read from a descriptor: so none interrupts a system call, as libfcgi's own
/// handlers would, and one that comes before anybody listens waits.
private final class StopSignals {
    private let sources: [any DispatchSourceSignal]
    private static let numbers = [SIGTERM, SIGINT, SIGQUIT, SIGUSR1]

    /// From here on the signals wait. Before any thread starts, since each inherits the mask.
    static func hold() {
        unsafe withUnsafeTemporaryAllocation(of: sigset_t.self, capacity: 1) { mask in
            guard let mask = mask.baseAddress else { return }
            unsafe sigemptyset(mask)
            for number in numbers { unsafe sigaddset(mask, number) }
            unsafe pthread_sigmask(SIG_BLOCK, mask, nil)
        }
    }

    init(logger: Logger, _ stop: @escaping @Sendable () -> Void) {
        let queue = DispatchQueue(label: "image-proxy.signals")
        let first = FirstTime()
        sources = Self.numbers.map { number in
            let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
            source.setEventHandler {
                guard first.isFirst() else { _exit(ExitStatus.done.rawValue) }
                stop()
            }
            source.resume()
            return source
        }
    }
}

/// True once.
private final class FirstTime: Sendable {
    private let hasPassed = Atomic<Bool>(false)

    func isFirst() -> Bool { !hasPassed.exchange(true, ordering: .relaxed) }
}
