import Glibc

/// Tells whoever started this process how it is, in the words of sd_notify(3): one datagram a message.
///
/// Nobody may be listening, and whoever listens may be slow: a message that cannot be sent at once is lost, as
/// systemd's own library has it. Sendable: a descriptor that is only written to.
public struct ServiceNotifier: Sendable {
    private let descriptor: Int32?
    /// How often `.watchdog` is to be heard at least; nil when nobody waits for it.
    let watchdogInterval: Duration?

    /// To the socket at `address`, which is a path, or a name in the abstract namespace behind an `@`. Tells nobody where there
    /// is no such socket.
    public init(address: String?, watchdogInterval: Duration? = nil) {
        self.watchdogInterval = watchdogInterval
        descriptor = address.flatMap { Self.connect(to: $0) }
    }

    /// To the other end of a connected socket, which stays the caller's.
    public init(connected descriptor: Int32, watchdogInterval: Duration? = nil) {
        self.descriptor = descriptor
        self.watchdogInterval = watchdogInterval
    }

    /// Sends one message: assignments such as `READY=1`, one to a line.
    public func send(_ message: ServiceMessage) {
        guard let descriptor else { return }
        let bytes = Array(message.text.utf8)
        _ = unsafe Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL))
    }

    private static func connect(to name: String) -> Int32? {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        var bytes = Array(name.utf8)
        guard let first = bytes.first, [UInt8(ascii: "/"), UInt8(ascii: "@")].contains(first),
            bytes.count < MemoryLayout.size(ofValue: address.sun_path)
        else { return nil }
        // unix(7): an abstract name begins with a zero byte, and is as long as the address says.
        if first == UInt8(ascii: "@") { bytes[0] = 0 }
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: bytes) }
        let length = MemoryLayout<sa_family_t>.size + bytes.count
        let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return nil }
        let status = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe Glibc.connect(descriptor, $0, socklen_t(length))
            }
        }
        guard status == 0 else {
            close(descriptor)
            return nil
        }
        return descriptor
    }
}

/// One message of sd_notify(3).
public struct ServiceMessage: Equatable, Sendable {
    public let text: String

    public init(text: String) { self.text = text }

    public static let watchdog = ServiceMessage(text: "WATCHDOG=1")

    /// The start, or a reload, has ended.
    public static func ready(_ status: String) -> ServiceMessage {
        ServiceMessage(text: "READY=1\nSTATUS=\(line(status))")
    }

    /// A reload has begun. systemd compares the time with that of its own request.
    public static func reloading(at monotonicMicroseconds: UInt64) -> ServiceMessage {
        ServiceMessage(text: "RELOADING=1\nMONOTONIC_USEC=\(monotonicMicroseconds)\nSTATUS=Reloading")
    }

    public static func stopping(_ status: String) -> ServiceMessage {
        ServiceMessage(text: "STOPPING=1\nSTATUS=\(line(status))")
    }

    /// Whether it has this assignment in one of its lines.
    public func has(_ assignment: String) -> Bool { text.split(separator: "\n").contains { $0 == assignment } }

    /// A status must not bring assignments of its own.
    private static func line(_ status: String) -> String { String(status.prefix { $0 != "\n" }) }
}

/// The clock that systemd goes by (CLOCK_MONOTONIC).
public func monotonicMicroseconds() -> UInt64 {
    var time = timespec()
    unsafe clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(clamping: time.tv_sec) &* 1_000_000 &+ UInt64(clamping: time.tv_nsec / 1000)
}
