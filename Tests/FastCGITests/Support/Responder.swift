import Dispatch
import FastCGI
import Foundation

/// A listener at an address of its own, with as many workers as a test wants: none, when the test takes requests itself.
final class Responder {
    let directory: TemporaryDirectory
    let address: FastCGIAddress
    let listener: FastCGIListener
    private let ended = DispatchGroup()

    convenience init(
        tcp: Bool = false, workers: Int = 0, turnstile: Turnstile = Turnstile(limit: 64),
        work: WorkQueue = WorkQueue(),
        _ handle: @escaping @Sendable (FastCGIRequest) -> Void = { $0.finish() }
    ) throws {
        try self.init(tcp: tcp, workers: workers, turnstile: turnstile, work: work, takingUpTo: 1) {
            $0.forEach(handle)
        }
    }

    /// Each of its workers takes up to `most` requests at once. `reserve` more are called up as others wait.
    init(
        tcp: Bool = false, workers: Int, reserve: Int = 0, turnstile: Turnstile = Turnstile(limit: 64),
        work: WorkQueue = WorkQueue(), takingUpTo most: Int, _ serve: @escaping @Sendable (FastCGIArrivals) -> Void
    ) throws {
        closeSoon()
        directory = try TemporaryDirectory()
        address = tcp ? .tcp(host: "127.0.0.1", port: try freePort()) : .unix(path: directory.path + "/app.sock")
        let listener = try FastCGIListener(sockets: [ListeningSocket(at: address)], turnstile: turnstile, work: work)
        self.listener = listener
        let start: @Sendable () -> Void = { [ended] in
            ended.enter()
            Thread.detachNewThread {
                listener.run(takingUpTo: most, serve)
                ended.leave()
            }
        }
        for _ in 0..<workers { start() }
        guard reserve > 0 else { return }
        turnstile.reserve.open(usual: workers, most: reserve) {
            start()
            return true
        }
    }

    deinit { listener.stop() }

    func connect() throws -> FastCGIClient { try FastCGIClient(to: address) }

    /// Whether all workers have left.
    func areWorkersGone() -> Bool { ended.wait(timeout: .now() + .seconds(20)) == .success }
}

/// Spares tests the time that libfcgi waits for a web server to close its end first. To be called before a listener is made.
func closeSoon() { unsafe setenv("LIBFCGI_OS_CLOSE_POLL_TIMEOUT", "1", 1) }

extension FastCGIRequest {
    /// Answers with `text`, whole.
    func answer(_ text: String) throws {
        let bytes = Array(text.utf8)
        try send(RawSpan(), RawSpan(_elements: bytes.span))
        finish()
    }
}

/// Bytes in which a piece that is lost, doubled or moved shows.
func pattern(_ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8 &+ $0 >> 16) }
}
