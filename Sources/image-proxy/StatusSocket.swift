import FastCGI
import Glibc

/// Where health and statistics are answered at any time: a socket of our own, or one that systemd has made, passed on as the
/// others are. So where it listens, and whether it does, changes with a restart only.
struct StatusSocket {
    let socket: ListeningSocket
    /// Nil for one that was handed to us.
    let address: FastCGIAddress?

    /// The one of the process before. Without such a process the one of systemd, or else a new one at `address`, if there
    /// is to be one.
    static func open(
        at address: FastCGIAddress?, _ access: ListeningSocket.Access
    ) throws(FastCGIError) -> StatusSocket? {
        if let inheritance = Inheritance.taken {
            guard let left = inheritance.status else { return nil }
            guard let address = FastCGIAddress(left.address) else {
                return StatusSocket(socket: ListeningSocket(adopting: left.descriptor), address: nil)
            }
            return StatusSocket(
                socket: ListeningSocket(inheriting: left.descriptor, inode: left.inode, at: address), address: address)
        }
        if let socket = HandedSockets.status { return StatusSocket(socket: socket, address: nil) }
        guard let address else { return nil }
        return StatusSocket(socket: try ListeningSocket(at: address, access: access), address: address)
    }

    /// What is left of it to the next process.
    struct Estate {
        var descriptor: Int32
        let inode: UInt64?
        let address: String

        /// In the place of an address, which no address looks like.
        private static let handed = "-"

        init(_ status: StatusSocket) {
            descriptor = fcntl(status.socket.descriptor, F_DUPFD_CLOEXEC, 3)
            inode = status.socket.inode
            address = status.address.map { "\($0)" } ?? Self.handed
        }

        /// Nil when the text is not ours, or the socket not open. An address may have blanks.
        init?(_ text: String) {
            let fields = text.split(separator: " ", maxSplits: 2)
            guard fields.count == 3, let descriptor = Int32(fields[0]), let inode = UInt64(fields[1]),
                ListeningSocket.isListening(descriptor)
            else { return nil }
            _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
            self.descriptor = descriptor
            self.inode = inode == 0 ? nil : inode
            address = String(fields[2])
        }

        var text: String { " \(descriptor) \(inode ?? 0) \(address)" }
    }
}
