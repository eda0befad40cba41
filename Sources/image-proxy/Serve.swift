internal import Dispatch
import FastCGI
import Glibc
import Logging
import ProxyCore
import ProxyServer

/// Runs the FastCGI responder until it is told to stop.
enum Serve {
    static let command = Command(
        name: "serve", synopsis: "--listen unix:PATH|HOST:PORT [options]",
        summary: "Answer FastCGI on a socket of its own.",
        options: [
            ("--listen", "ADDRESS", "where the web server finds it: unix:PATH or HOST:PORT"),
            (
                "--status-listen", "ADDRESS",
                "where health, stats, metrics and status are answered at any time: unix:PATH or HOST:PORT"
            ),
            ("--socket-mode", "OCTAL", "access to a Unix socket (0660)"),
            ("--socket-group", "NAME", "group of a Unix socket, such as www-data"),
        ],
        flags: [("--allow-remote", "really listen on an address that other machines can reach")],
        run: { run($0) })

    private static func run(_ arguments: Arguments) -> ExitStatus {
        guard arguments.operands.isEmpty, let text = arguments.value("--listen") else {
            return Command.misused("serve needs --listen and no other words", command: command)
        }
        guard let mode = UInt32(arguments.value("--socket-mode") ?? "0660", radix: 8), mode <= 0o777 else {
            return Command.misused("--socket-mode: expected an octal number such as 0660", command: command)
        }
        let access = ListeningSocket.Access(mode: mode, group: arguments.value("--socket-group"))
        let allowsRemote = arguments.has("--allow-remote")
        do throws(BadAddress) {
            let address = try address(text, of: "--listen", allowsRemote: allowsRemote)
            let status = try arguments.value("--status-listen").map { (text) throws(BadAddress) in
                try self.address(text, of: "--status-listen", allowsRemote: allowsRemote)
            }
            return run(
                configurationFile: arguments.value("--config"), status: status, access: access,
                allowsRemote: allowsRemote
            ) { () throws(FastCGIError) in
                if let inheritance = Inheritance.taken { return inheritance.listeningSockets(at: address) }
                return [try ListeningSocket(at: address, access: access)]
            }
        } catch {
            return Command.misused(error.text, command: command)
        }
    }

    private struct BadAddress: Error { let text: String }

    /// An address to listen on, if it has the form of one and is as private as it should be.
    private static func address(
        _ text: String, of name: String, allowsRemote: Bool
    ) throws(BadAddress) -> FastCGIAddress {
        guard let address = FastCGIAddress(text) else {
            throw BadAddress(text: "\(name) \(text): expected unix:PATH (up to 90 bytes) or HOST:PORT")
        }
        guard address.isLocal || allowsRemote else {
            throw BadAddress(
                text: """
                    \(name) \(text): whoever can connect can steer the program; other machines only with --allow-remote
                    """)
        }
        return address
    }

    /// On sockets that were handed to us.
    static func run(on sockets: [ListeningSocket]) -> ExitStatus {
        run(configurationFile: nil) { () throws(FastCGIError) in sockets }
    }

    /// `status` is where health and statistics are answered at any time, if not where the configuration says.
    private static func run(
        configurationFile: String?, status: FastCGIAddress? = nil,
        access: ListeningSocket.Access = ListeningSocket.Access(), allowsRemote: Bool = false,
        _ sockets: () throws(FastCGIError) -> [ListeningSocket]
    ) -> ExitStatus {
        _ = Executable.path
        guard let configuration = ConfigurationLoading.load(file: configurationFile) else { return .configuration }
        let logger = ConfigurationLoading.logger(configuration.log)
        var statusAddress = status
        do throws(BadAddress) {
            if status == nil, let text = configuration.server.statusListen {
                statusAddress = try address(text, of: "IMAGE_PROXY_STATUS_LISTEN", allowsRemote: allowsRemote)
            }
        } catch {
            printError(error.text)
            return .configuration
        }
        do throws(FastCGIError) {
            Signals.hold()
            let turnstile = Turnstile(limit: Server.runningWorkers)
            let work = WorkQueue()
            let sockets = try sockets()
            let memory = MemoryPlan.ofThisProcess
            let connections = memory.connections(OpenFiles.connections)
            let listener = try FastCGIListener(
                sockets: sockets, turnstile: turnstile, work: work, mostConnections: connections,
                answerBuffer: memory.answerBuffer(FastCGIListener.answerBuffer, connections: connections))
            let status = try StatusSocket.open(at: statusAddress, access)
            let responder = Responder(
                listener: listener,
                status: try status.map { (status) throws(FastCGIError) in
                    try FastCGIListener(sockets: [status.socket], mostConnections: Server.statusConnections)
                },
                server: Server(configuration, turnstile: turnstile, work: work, memory: memory, logger: logger))
            if let inheritance = Inheritance.taken { return responder.serve(inheritance.link) }
            let estate = Inheritance(sockets, status, configuration.log)
            return responder.serve(estate, .supervisor, logger)
        } catch {
            logger.critical("Cannot listen", metadata: ["reason": "\(error)"])
            return .failed
        }
    }
}

/// A responder, and who tells it to stop.
private struct Responder {
    let listener: FastCGIListener
    let status: FastCGIListener?
    let server: Server

    /// As the process that was started, which others may take over from.
    func serve(_ estate: Inheritance, _ notifier: ServiceNotifier, _ logger: Logger) -> ExitStatus {
        let (listener, status) = (listener, status)
        let succession = Succession(
            estate, child: nil, notifier: notifier, logger: logger,
            .init(
                yield: {
                    // First: once the other one has ended, the server stops this one, and would take its file away.
                    status?.yield()
                    listener.yield()
                }, stop: { listener.stop() }))
        let isDone = server.run(listener, statusListener: status, telling: notifier)
        if let keeper = succession.endOwnWork() {
            Executable.become(keeper)
            logger.error("Cannot become the keeper", metadata: ["reason": "\(lastError())"])
            succession.goOn()
        }
        if succession.hasChild { return ExitStatus(rawValue: succession.waitForEnd()) ?? .failed }
        return end(isDone)
    }

    /// As the child of a keeper, which tells it by the link what to do.
    func serve(_ link: Int32) -> ExitStatus {
        let (listener, status) = (listener, status)
        let queue = DispatchQueue(label: "image-proxy.signals")
        let first = FirstTime()
        let signals = Signals(on: queue) { meaning in
            // To reload is the keeper's business, where everybody was told.
            guard meaning == .stop else { return }
            guard first.isFirst() else { _exit(ExitStatus.done.rawValue) }
            listener.stop()
        }
        let source = Link.listen(to: link, on: queue) { message in
            guard message == Link.yield else { return listener.stop() }
            status?.yield()
            listener.yield()
        }
        return withExtendedLifetime((signals, source)) {
            end(server.run(listener, statusListener: status, telling: .keeper(at: link)))
        }
    }

    private func end(_ isDone: Bool) -> ExitStatus {
        // Workers may still be at work, in libraries that `exit` would take down under them.
        if !isDone { _exit(ExitStatus.done.rawValue) }
        return .done
    }
}
