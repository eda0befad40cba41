import FastCGI
import Glibc
import ProxyCore

/// What a process of this program leaves to the next at a take-over: listening sockets, the line between the two, and who
/// does what from then on. It travels in the environment, as nginx's does; the descriptors are just open.
///
/// The process that was started first keeps its process identifier for good, so that whoever supervises it need not know of
/// take-overs. It is replaced by a child of its own (`Role.server`) and, once what it had under way has ended, becomes
/// that child's keeper by executing itself (`Role.keeper`): as small as a process can be, without a thread or a byte of
/// its past.
struct Inheritance {
    enum Role: Equatable {
        /// Answers requests, for the keeper at the other end of the link.
        case server
        /// Keeps the sockets, and the child that answers.
        case keeper(child: pid_t)
    }

    var role: Role
    var sockets: [Int32]
    /// The file of a Unix socket that this program has made.
    var inode: UInt64?
    /// Of the other process' messages, and its end when that is gone.
    var link: Int32
    /// The socket of the status listener, if there is one.
    var status: StatusSocket.Estate?
    /// How the operator wants the log.
    var log: Configuration.Log

    static let variable = "SUCCESSION"

    /// What this process has inherited; nil for one that was started by anybody else.
    static let taken: Inheritance? = {
        guard let text = environment(variable) else { return nil }
        // Not for the children of a child.
        unsafe unsetenv(variable)
        return Inheritance(text)
    }()

    var text: String {
        let child = if case .keeper(let child) = role { child } else { pid_t(0) }
        let numbers = sockets.map { "\($0)" }.joined(separator: ",")
        return "\(child) \(link) \(inode ?? 0) \(log.level.rawValue) \(log.format.rawValue) \(numbers)"
            + (status?.text ?? "")
    }

    /// Every descriptor that is to be passed on, but the link.
    var descriptors: [Int32] { sockets + (status.map { [$0.descriptor] } ?? []) }

    /// The same under other numbers, those of `descriptors` and then the link.
    func renumbered(_ numbers: [Int32]) -> Inheritance {
        var renumbered = self
        renumbered.sockets = Array(numbers.prefix(sockets.count))
        if status != nil { renumbered.status?.descriptor = numbers[sockets.count] }
        renumbered.link = numbers.last ?? -1
        return renumbered
    }

    /// Listening sockets of the earlier process, which were made by it for `address` or, without one, handed to it.
    func listeningSockets(at address: FastCGIAddress? = nil) -> [ListeningSocket] {
        sockets.map { descriptor in
            guard let address else { return ListeningSocket(adopting: descriptor) }
            return ListeningSocket(inheriting: descriptor, inode: inode, at: address)
        }
    }
}

extension Inheritance {
    /// What a process has to leave that was started with these sockets. They stay open for as long as there may be a heir.
    init(_ sockets: [ListeningSocket], _ status: StatusSocket?, _ log: Configuration.Log) {
        self.init(
            role: .server, sockets: sockets.map { fcntl($0.descriptor, F_DUPFD_CLOEXEC, 3) }.filter { $0 >= 0 },
            inode: sockets.lazy.compactMap(\.inode).first, link: -1,
            status: status.map { StatusSocket.Estate($0) }, log: log)
    }

    /// Nil when the text is not ours, or its descriptors are not open.
    private init?(_ text: String) {
        let fields = text.split(separator: " ", maxSplits: 6)
        guard fields.count >= 6, let child = pid_t(fields[0]), let link = Int32(fields[1]),
            let inode = UInt64(fields[2]), let level = Configuration.Log.Level(rawValue: String(fields[3])),
            let format = Configuration.Log.Format(rawValue: String(fields[4]))
        else { return nil }
        var log = Configuration.Log()
        (log.level, log.format) = (level, format)
        let sockets = fields[5].split(separator: ",").compactMap { Int32($0) }
        guard !sockets.isEmpty, sockets.allSatisfy({ ListeningSocket.isListening($0) }),
            fcntl(link, F_SETFD, FD_CLOEXEC) == 0
        else { return nil }
        for socket in sockets { _ = fcntl(socket, F_SETFD, FD_CLOEXEC) }
        let status = fields.count > 6 ? StatusSocket.Estate(String(fields[6])) : nil
        Self.closeOthers(than: sockets + [link] + (status.map { [$0.descriptor] } ?? []))
        self.init(
            role: child == 0 ? .server : .keeper(child: child), sockets: sockets, inode: inode == 0 ? nil : inode,
            link: link,
            status: status, log: log)
    }

    /// What else the process before had open, in libraries that let it pass: connections that it ends must end. Nothing of
    /// our own is open yet.
    private static func closeOthers(than kept: [Int32]) {
        let limit = Int32(clamping: max(3, sysconf(Int32(_SC_OPEN_MAX))))
        for descriptor in 3..<limit where !kept.contains(descriptor) { close(descriptor) }
    }
}
