import FastCGI
import Glibc
import Testing

extension ListenerTests {
    @Suite struct Stopping {
        @Test func workersThatWaitLeave() throws {
            let responder = try Responder(workers: 4)
            let client = try responder.connect()
            try client.send(WireRequest())
            _ = try client.response()
            responder.listener.stop()
            #expect(responder.areWorkersGone())
            #expect(responder.listener.isStopping)
        }

        @Test func stoppingTwiceIsStoppingOnce() throws {
            let responder = try Responder(workers: 1)
            responder.listener.stop()
            responder.listener.stop()
            #expect(responder.areWorkersGone())
        }

        @Test("what had arrived is answered", arguments: [false, true]) func answersTheQueue(_ tcp: Bool) throws {
            let responder = try Responder(tcp: tcp)
            let clients = try (0..<8).map { number in
                let client = try responder.connect()
                try client.send(WireRequest(params: [("N", "\(number)")], keepsConnection: true))
                return client
            }
            responder.listener.stop()
            while let request = responder.listener.next() { try request.answer(request.param("N") ?? "?") }
            for (number, client) in clients.enumerated() {
                #expect(try client.response().text == "\(number)")
                #expect(client.isAtEnd(), "no connection is kept")
            }
            #expect(throws: (any Error).self) { try responder.connect() }
        }

        /// Workers that find nothing while the queue is being moved must not leave it behind.
        @Test func whatHadArrivedIsAnsweredByWorkersThatAreBusyLeaving() throws {
            for _ in 0..<30 {
                let responder = try Responder(workers: 2) { try? $0.answer("ok") }
                let clients = try (0..<10).map { _ in
                    let client = try responder.connect()
                    try client.send(WireRequest())
                    return client
                }
                responder.listener.stop()
                for client in clients { #expect(try client.response().text == "ok") }
                #expect(responder.areWorkersGone())
            }
        }

        @Test func aRequestInHandMayBeFinished() throws {
            let responder = try Responder()
            let client = try responder.connect()
            try client.send(WireRequest(keepsConnection: true))
            let request = try #require(responder.listener.next())
            responder.listener.stop()
            #expect(responder.listener.next() == nil)
            try request.answer("ok")
            #expect(try client.response().text == "ok")
            #expect(client.isAtEnd())
        }

        @Test func theQueueOfASocketThatWasHandedToUsIsLeftAlone() throws {
            closeSoon()
            let directory = try TemporaryDirectory()
            let path = directory.path + "/app.sock"
            let descriptor = try listeningDescriptor(at: path)
            defer { close(descriptor) }
            #expect(ListeningSocket.isListening(descriptor))
            let listener = try FastCGIListener(sockets: [ListeningSocket(adopting: dup(descriptor))])
            let client = try FastCGIClient(to: .unix(path: path))
            try client.send(WireRequest(params: [("A", "1")]))
            listener.stop()
            #expect(listener.next() == nil)
            #expect(directory.files == ["app.sock"])

            let successor = try FastCGIListener(sockets: [ListeningSocket(adopting: dup(descriptor))])
            try #require(successor.next()).answer("later")
            #expect(try client.response().text == "later")
            successor.stop()
        }

        private func listeningDescriptor(at path: String) throws -> Int32 {
            let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: path.utf8) }
            let status = unsafe withUnsafePointer(to: &address) { pointer in
                unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    unsafe bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
                }
            }
            guard status == 0, listen(descriptor, 8) == 0 else { throw SystemFailure("listen") }
            return descriptor
        }
    }
}
