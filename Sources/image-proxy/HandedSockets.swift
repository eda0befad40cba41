import FastCGI
import Glibc

/// Listening sockets that whoever started the process has opened for it.
enum HandedSockets {
    /// sd_listen_fds(3): the first descriptor that systemd passes.
    private static let firstDescriptor: Int32 = 3

    static func find() -> [ListeningSocket]? {
        Inheritance.taken?.listeningSockets() ?? fromSystemd() ?? fromStandardInput()
    }

    private static func fromSystemd() -> [ListeningSocket]? {
        guard let count = environment("LISTEN_FDS").flatMap({ Int32($0) }), (1...64).contains(count),
            // They are meant for one process, not for the children that inherit its environment.
            environment("LISTEN_PID").flatMap({ Int32($0) }) ?? getpid() == getpid()
        else { return nil }
        let descriptors = (firstDescriptor..<firstDescriptor + count).filter { ListeningSocket.isListening($0) }
        guard !descriptors.isEmpty else { return nil }
        return descriptors.map { descriptor in
            _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
            return ListeningSocket(adopting: descriptor)
        }
    }

    /// spawn-fcgi, lighttpd and mod_fcgid put it where a CGI program would have its input (FastCGI 1.0, 2.2).
    private static func fromStandardInput() -> [ListeningSocket]? {
        ListeningSocket.isListening(STDIN_FILENO) ? [ListeningSocket(adopting: STDIN_FILENO)] : nil
    }
}

func environment(_ name: String) -> String? { unsafe getenv(name).map { unsafe String(cString: $0) } }
