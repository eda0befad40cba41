import Glibc
import ProxyServer

/// The one executable: a FastCGI responder, a CGI program or an operator's command, by how it is called.
@main
enum Main {
    static func main() {
        openStandardDescriptors()
        MemoryTuning.apply()
        exit(run().rawValue)
    }

    /// Where one of the three standard descriptors is closed, the next file or connection would get its number, and log
    /// lines would go to a client or to Redis.
    private static func openStandardDescriptors() {
        for descriptor in STDIN_FILENO...STDERR_FILENO where fcntl(descriptor, F_GETFD) < 0 {
            _ = unsafe open("/dev/null", O_RDWR)
        }
    }

    /// In this order: the keeper of a process that answers, a listening socket that was handed to us, a CGI request, a command.
    ///
    /// A web server may make arguments of a CGI query (RFC 3875, 4.4), so with a CGI request to answer they are not looked
    /// at: nobody shall steer the program by a URL.
    private static func run() -> ExitStatus {
        if let inheritance = Inheritance.taken, case .keeper(let child) = inheritance.role {
            return Keeper.run(inheritance, child)
        }
        let arguments = ProgramArguments.words.dropFirst()
        if arguments.isEmpty, let sockets = HandedSockets.find() { return Serve.run(on: sockets) }
        if AnswerCGI.isWanted { return AnswerCGI.run() }
        return Command.run(Array(arguments))
    }
}

/// Exit statuses, as sysexits.h numbers them.
enum ExitStatus: Int32 {
    case done = 0
    case failed = 1
    case usage = 64
    case configuration = 78
    /// As a shell has it for a program that Ctrl-C ended.
    case interrupted = 130
}
