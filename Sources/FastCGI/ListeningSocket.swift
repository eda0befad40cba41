internal import CFastCGI
import Glibc

/// One listening socket: made by us, or handed to us by whoever started the process.
///
/// libfcgi's own `FCGX_OpenSocket` is not used: it unlinks first, keeps the umask, binds every interface and calls `exit`.
public struct ListeningSocket: Sendable {
    /// Borrowed: it is closed with the listener.
    public let descriptor: Int32
    let address: FastCGIAddress?
    /// The socket file's identity, so that a successor that took the path over keeps it when we stop. Nil without a file of
    /// our own.
    public let inode: UInt64?

    /// Access to a Unix socket: its mode, and the group that may connect besides its owner.
    public struct Access: Sendable {
        public var mode: UInt32
        public var group: String?

        public init(mode: UInt32 = 0o660, group: String? = nil) {
            self.mode = mode
            self.group = group
        }
    }

    /// Connections that may wait in the kernel. nginx answers 502 at once when a Unix socket's queue is full.
    static let backlog: Int32 = 4096

    /// Adopts a listening socket that is open already (fd 0, or one of systemd's). Its queue outlives us.
    public init(adopting descriptor: Int32) {
        self.descriptor = descriptor
        address = nil
        inode = nil
        makeNonBlocking(descriptor)
    }

    /// Takes over a socket of its own making from an earlier process of the same program.
    public init(inheriting descriptor: Int32, inode: UInt64?, at address: FastCGIAddress) {
        self.descriptor = descriptor
        self.address = address
        self.inode = inode
        makeNonBlocking(descriptor)
    }

    /// Binds and listens. A Unix socket is bound beside its path and renamed over it: a predecessor that still serves
    /// there loses nothing, and no client finds the path missing.
    public init(at address: FastCGIAddress, access: Access = Access()) throws(FastCGIError) {
        switch address {
        case .unix(let path): (descriptor, inode) = try Self.listen(path: path, access: access, address: address)
        case .tcp(let host, let port):
            descriptor = try Self.listen(host: host, port: port, address: address)
            inode = nil
        }
        self.address = address
        makeNonBlocking(descriptor)
    }

    /// Whether the descriptor listens: the way a responder started by spawn-fcgi, lighttpd or mod_fcgid knows itself.
    public static func isListening(_ descriptor: Int32) -> Bool {
        var value: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        return unsafe getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, &value, &size) == 0 && value == 1
    }

    /// True for a socket of our own making: what waits in its queue is ours to answer before we go.
    var isOurs: Bool { address != nil }

    /// With `yielding`, the socket's file is somebody else's by now.
    func close(yielding: Bool) {
        if !yielding, case .unix(let path)? = address, let inode, Self.inode(of: path) == inode { unsafe unlink(path) }
        _ = Glibc.close(descriptor)
    }
}

extension ListeningSocket {
    private static func listen(
        path: String, access: Access, address: FastCGIAddress
    ) throws(FastCGIError) -> (Int32, UInt64?) {
        func fail(_ call: String) -> FastCGIError {
            .cannotListen(address: "\(address)", call: call, reason: lastError())
        }

        var status = stat()
        if unsafe lstat(path, &status) == 0, status.st_mode & S_IFMT != S_IFSOCK {
            throw .cannotListen(address: "\(address)", call: "bind", reason: "the path exists and is no socket")
        }
        let socket = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard socket >= 0 else { throw fail("socket") }
        let temporary = "\(path).\(getpid())"
        unsafe unlink(temporary)
        var succeeded = false
        defer {
            if !succeeded {
                _ = Glibc.close(socket)
                unsafe unlink(temporary)
            }
        }
        guard bindUnix(socket, to: temporary) else { throw fail("bind") }
        if let group = access.group {
            guard let id = groupIdentifier(group) else {
                throw .cannotListen(address: "\(address)", call: "chown", reason: "there is no group named \(group)")
            }
            guard unsafe chown(temporary, uid_t.max, id) == 0 else { throw fail("chown") }
        }
        guard unsafe chmod(temporary, mode_t(access.mode)) == 0 else { throw fail("chmod") }
        guard Glibc.listen(socket, backlog) == 0 else { throw fail("listen") }
        guard unsafe rename(temporary, path) == 0 else { throw fail("rename") }
        succeeded = true
        return (socket, inode(of: path))
    }

    private static func bindUnix(_ socket: Int32, to path: String) -> Bool {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let capacity = MemoryLayout.size(ofValue: address.sun_path)
        let bytes = Array(path.utf8)
        guard bytes.count < capacity else { return false }
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: bytes) }
        return unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe bind(socket, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0
            }
        }
    }

    private static func listen(host: String, port: UInt16, address: FastCGIAddress) throws(FastCGIError) -> Int32 {
        var hints = unsafe addrinfo()
        unsafe hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV | (host == "localhost" ? 0 : AI_NUMERICHOST)
        unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var found: UnsafeMutablePointer<addrinfo>?
        let result = unsafe getaddrinfo(host, String(port), &hints, &found)
        guard result == 0, let first = unsafe found else {
            throw .cannotListen(address: "\(address)", call: "getaddrinfo", reason: "not a numeric address")
        }
        defer { unsafe freeaddrinfo(first) }
        func fail(_ call: String) -> FastCGIError {
            .cannotListen(address: "\(address)", call: call, reason: lastError())
        }

        let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
        let socket = unsafe socket(first.pointee.ai_family, type, 0)
        guard socket >= 0 else { throw fail("socket") }
        var succeeded = false
        defer { if !succeeded { _ = Glibc.close(socket) } }
        var on: Int32 = 1
        unsafe setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<Int32>.size))
        guard unsafe bind(socket, first.pointee.ai_addr, first.pointee.ai_addrlen) == 0 else { throw fail("bind") }
        guard Glibc.listen(socket, backlog) == 0 else { throw fail("listen") }
        succeeded = true
        return socket
    }

    private static func inode(of path: String) -> UInt64? {
        var status = stat()
        return unsafe lstat(path, &status) == 0 ? UInt64(status.st_ino) : nil
    }

    private static func groupIdentifier(_ name: String) -> gid_t? {
        var entry = unsafe group()
        var result: UnsafeMutablePointer<group>?
        return unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: 16 << 10) { buffer in
            guard unsafe getgrnam_r(name, &entry, buffer.baseAddress, buffer.count, &result) == 0,
                let found = unsafe result
            else { return nil }
            return unsafe found.pointee.gr_gid
        }
    }
}

func makeNonBlocking(_ descriptor: Int32) {
    _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
}

func lastError() -> String { unsafe String(cString: strerror(errno)) }
