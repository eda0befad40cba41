import FastCGI
import Glibc

/// Listening sockets that whoever started the process has opened for it.
enum HandedSockets {
    /// sd_listen_fds(3): the first descriptor that systemd passes.
    private static let firstDescriptor: Int32 = 3

    /// systemd.socket(5), FileDescriptorName=: what a socket is called that is for health and statistics.
    private static let statusName = "status"

    static func find() -> [ListeningSocket]? {
        Inheritance.taken?.listeningSockets() ?? fromSystemd() ?? fromStandardInput()
    }

    /// The socket for health and statistics, where systemd has made one.
    static var status: ListeningSocket? {
        passed.first { $0.name == statusName }.map { ListeningSocket(adopting: $0.descriptor) }
    }

    private static func fromSystemd() -> [ListeningSocket]? {
        let sockets = passed.filter { $0.name != statusName }
        return sockets.isEmpty ? nil : sockets.map { ListeningSocket(adopting: $0.descriptor) }
    }

    /// What systemd has passed to this process, under the names of its units.
    private static let passed: [(name: String, descriptor: Int32)] = {
        guard let count = environment("LISTEN_FDS").flatMap({ Int32($0) }), (1...64).contains(count),
            // They are meant for one process, not for the children that inherit its environment.
            environment("LISTEN_PID").flatMap({ Int32($0) }) ?? getpid() == getpid()
        else { return [] }
        let names = environment("LISTEN_FDNAMES")?.split(separator: ":", omittingEmptySubsequences: false) ?? []
        return (0..<count).compactMap { place in
            let descriptor = firstDescriptor + place
            guard ListeningSocket.isListening(descriptor) else { return nil }
            _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
            return (names.count == Int(count) ? String(names[Int(place)]) : "", descriptor)
        }
    }()

    /// spawn-fcgi, lighttpd and mod_fcgid put it where a CGI program would have its input (FastCGI 1.0, 2.2).
    private static func fromStandardInput() -> [ListeningSocket]? {
        ListeningSocket.isListening(STDIN_FILENO) ? [ListeningSocket(adopting: STDIN_FILENO)] : nil
    }
}

func environment(_ name: String) -> String? { unsafe getenv(name).map { unsafe String(cString: $0) } }
