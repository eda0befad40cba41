import FastCGI
import Glibc
import Testing

extension ListenerTests {
    /// Connections that are kept, wait, and go.
    @Suite struct Connections {
        @Test("a kept connection serves many requests, and an idle one holds no worker", arguments: [false, true])
        func keeps(_ tcp: Bool) throws {
            let responder = try Responder(tcp: tcp, workers: 1) { try? $0.answer($0.param("N") ?? "?") }
            let idle = try responder.connect()
            try idle.send(WireRequest(params: [("N", "idle")], keepsConnection: true))
            #expect(try idle.response().text == "idle")

            let busy = try responder.connect()
            for number in 0..<200 {
                try busy.send(WireRequest(params: [("N", "\(number)")], keepsConnection: true))
                #expect(try busy.response().text == "\(number)")
            }
            #expect(responder.listener.connectionCount == 2)
            try idle.send(WireRequest(params: [("N", "still")], keepsConnection: true))
            #expect(try idle.response().text == "still")
        }

        /// A response ends in a packet of its own, which otherwise waits for the acknowledgement of the one before.
        @Test func aTCPConnectionDoesNotHoldPacketsBack() throws {
            let responder = try Responder(tcp: true)
            let client = try responder.connect()
            try client.send(WireRequest())
            let request = try #require(responder.listener.next())
            var isSet: Int32 = 0
            var size = socklen_t(MemoryLayout<Int32>.size)
            unsafe getsockopt(request.peerDescriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &isSet, &size)
            #expect(isSet != 0)
            request.finish()
        }

        @Test func aConnectionThatIsNotToBeKeptIsClosed() throws {
            let responder = try Responder()
            let client = try responder.connect()
            try client.send(WireRequest())
            try #require(responder.listener.next()).answer("ok")
            #expect(try client.response().text == "ok")
            #expect(client.isAtEnd())
            #expect(responder.listener.connectionCount == 0)
        }

        @Test("a body that nobody read does not become the next request", arguments: [1, 4_095, 4_096, 4_097, 60_000])
        func drains(_ count: Int) throws {
            let responder = try Responder()
            let client = try responder.connect()
            for round in ["first", "second"] {
                try client.send(WireRequest(params: [("R", round)], body: pattern(count), keepsConnection: true))
                let request = try #require(responder.listener.next())
                #expect(request.param("R") == round)
                try request.answer(round)
                #expect(try client.response().text == round)
            }
        }

        @Test func aBodyTooLongToDrainEndsTheConnection() throws {
            let responder = try Responder(workers: 1) { try? $0.answer("ok") }
            let client = try responder.connect()
            try client.send(WireRequest(body: pattern(100_000), keepsConnection: true))
            #expect(try client.response().text == "ok")
            #expect(client.isAtEnd())
        }

        @Test("requests of clients that left are not handed out", arguments: [false, true])
        func skipsTheGone(_ tcp: Bool) throws {
            let responder = try Responder(tcp: tcp)
            let gone = try responder.connect()
            try gone.send(WireRequest(params: [("WHO", "gone")]))
            gone.close()
            let silent = try responder.connect()
            silent.close()
            let present = try responder.connect()
            try present.send(WireRequest(params: [("WHO", "present")]))
            let request = try #require(responder.listener.next())
            #expect(request.param("WHO") == "present")
            request.finish()
            #expect(responder.listener.connectionCount == 0)
        }

        @Test("a peer that leaves is noticed", arguments: [false, true]) func notices(_ tcp: Bool) throws {
            let responder = try Responder(tcp: tcp)
            let client = try responder.connect()
            try client.send(WireRequest())
            let request = try #require(responder.listener.next())
            #expect(!request.isPeerGone)
            client.close()
            var watched = pollfd(fd: request.peerDescriptor, events: Int16(POLLIN), revents: 0)
            #expect(unsafe poll(&watched, 1, 20_000) == 1)
            #expect(request.isPeerGone)
            request.abort()
        }

        @Test func aPeerThatOnlySendsNoMoreIsNotGone() throws {
            let responder = try Responder()
            let client = try responder.connect()
            try client.send(WireRequest())
            client.endSending()
            let request = try #require(responder.listener.next())
            #expect(!request.isPeerGone)
            try request.answer("ok")
            #expect(try client.response().text == "ok")
        }

        @Test func manyClientsAreServedByFewWorkers() throws {
            let responder = try Responder(workers: 4) { try? $0.answer($0.param("N") ?? "?") }
            let clients = try (0..<64).map { _ in try responder.connect() }
            for round in 0..<5 {
                for (number, client) in clients.enumerated() {
                    try client.send(WireRequest(params: [("N", "\(number) \(round)")], keepsConnection: true))
                }
                for (number, client) in clients.enumerated() {
                    #expect(try client.response().text == "\(number) \(round)")
                }
            }
            #expect(responder.listener.connectionCount == 64)
        }
    }
}
