internal import Dispatch
import Glibc
import ProxyServer

/// One end of the line between a process that answers requests and its keeper. Both speak as sd_notify(3) does: the one
/// that answers says `READY=1` and `WATCHDOG=1`, which the keeper passes on, and is told one of the words below.
///
/// Its end is the end of the other process, whatever that died of.
enum Link {
    /// Ends like a signal to stop, but as often as it comes.
    static let stop = ServiceMessage(text: "STOP=1")
    /// Another process answers by now.
    static let yield = ServiceMessage(text: "YIELD=1")

    /// The two ends; nil when the system has none.
    static func make() -> (keeper: Int32, server: Int32)? {
        var ends: [Int32] = [-1, -1]
        let type = Int32(SOCK_SEQPACKET.rawValue | SOCK_CLOEXEC.rawValue)
        return unsafe socketpair(AF_UNIX, type, 0, &ends) == 0 ? (ends[0], ends[1]) : nil
    }

    /// Calls `body` on `queue` with each message that comes, and with nil when there will be no more. Closes the descriptor
    /// with the source that it returns, when that is cancelled.
    static func listen(
        to descriptor: Int32, on queue: DispatchQueue, _ body: @escaping @Sendable (ServiceMessage?) -> Void
    ) -> any DispatchSourceRead {
        let source = DispatchSource.makeReadSource(fileDescriptor: descriptor, queue: queue)
        source.setCancelHandler { close(descriptor) }
        source.setEventHandler {
            switch receive(from: descriptor) {
            case .message(let message): body(message)
            case .nothing: break
            case .end: body(nil)
            }
        }
        source.resume()
        return source
    }

    private enum Received { case message(ServiceMessage), nothing, end }

    private static func receive(from descriptor: Int32) -> Received {
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = unsafe recv(descriptor, &buffer, buffer.count, Int32(MSG_DONTWAIT))
        if count > 0 { return .message(ServiceMessage(text: String(decoding: buffer[..<count], as: UTF8.self))) }
        return count < 0 && [EAGAIN, EINTR].contains(errno) ? .nothing : .end
    }
}

/// A child that answers requests, as its keeper knows it.
///
/// `@unchecked Sendable`: used on the queue of its `Succession` alone.
final class Successor: @unchecked Sendable {
    let process: pid_t
    let link: Int32
    private var source: (any DispatchSourceRead)?

    /// Takes one over that was started before.
    init(process: pid_t, link: Int32) {
        self.process = process
        self.link = link
    }

    /// Starts one on the same sockets. Nil when the system gives no process.
    convenience init?(like inheritance: Inheritance) {
        guard let (keeper, server) = Link.make() else { return nil }
        let started = Executable.spawn(passing: inheritance.descriptors + [server]) { numbers in
            var left = inheritance.renumbered(numbers)
            left.role = .server
            return left
        }
        close(server)
        guard let started else {
            close(keeper)
            return nil
        }
        self.init(process: started, link: keeper)
    }

    func listen(on queue: DispatchQueue, _ body: @escaping @Sendable (ServiceMessage?) -> Void) {
        source = Link.listen(to: link, on: queue, body)
    }

    /// From here on its messages wait.
    func suspend() { source?.suspend() }
    func resume() { source?.resume() }

    func send(_ message: ServiceMessage) { ServiceNotifier(connected: link).send(message) }

    func kill() { _ = Glibc.kill(process, SIGKILL) }

    /// Once its link has ended: waits for its exit status, which is a moment away. One that a signal ended has that of a
    /// shell.
    func end() -> Int32 {
        source?.cancel()
        var status: Int32 = 0
        while unsafe waitpid(process, &status, 0) < 0 { if errno != EINTR { return 1 } }
        // wait(2): WIFEXITED and WEXITSTATUS, which are macros.
        return status & 0x7F == 0 ? status >> 8 & 0xFF : 128 + status & 0x7F
    }
}
