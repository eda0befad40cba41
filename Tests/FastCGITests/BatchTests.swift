import Dispatch
import FastCGI
import Testing

extension ListenerTests {
    /// Requests that have come together, and what is ready beside them. Workers are held while it comes.
    @Suite struct Batches {
        private let counter = Counter()

        private func responder(
            tcp: Bool = false, workers: Int = 1, work: WorkQueue = WorkQueue(), takingUpTo most: Int = 8
        ) throws -> Responder {
            try Responder(
                tcp: tcp, workers: workers, turnstile: counter.turnstile, work: work, takingUpTo: most, counter.serve)
        }

        /// Clients whose connections wait for requests: each has been answered once.
        private func known(_ count: Int, to responder: Responder) throws -> [FastCGIClient] {
            try (0..<count).map { _ in
                let client = try responder.connect()
                try client.send(request("known"))
                #expect(try client.response().text == "known")
                return client
            }
        }

        private func request(_ name: String, padding: Int = 0, longerBy length: Int = 0) -> WireRequest {
            let params = [("N", name), ("LONG", String(repeating: "v", count: length))]
            return WireRequest(params: params, keepsConnection: true, padding: padding)
        }

        // MARK: Together

        @Test(
            "what has come is handed out together, no more than was asked for", arguments: [1, 2, 3, 8], [0, 7, 255])
        func together(_ most: Int, _ padding: Int) throws {
            let responder = try responder(takingUpTo: most)
            let clients = try known(6, to: responder)
            let names = ["hold", "1", "2", "3", "4", "5"]
            for (name, client) in zip(names, clients) {
                try client.send(request(name, padding: padding))
                if name == "hold" { #expect(counter.hasBegun("hold")) }
            }
            counter.end("hold")
            for (name, client) in zip(names, clients) { #expect(try client.response().text == name) }
            let together = stride(from: 1, to: 6, by: most).map { Array(names[$0..<min($0 + most, 6)]) }
            #expect(counter.batches == [["hold"]] + together)
            #expect(responder.listener.connectionCount == 6)
        }

        @Test func whoAsksForNoneGetsOneAtATime() throws {
            let responder = try responder(takingUpTo: 0)
            let clients = try known(3, to: responder)
            for (name, client) in zip(["hold", "1", "2"], clients) {
                try client.send(request(name))
                if name == "hold" { #expect(counter.hasBegun("hold")) }
            }
            counter.end("hold")
            for (name, client) in zip(["hold", "1", "2"], clients) { #expect(try client.response().text == name) }
            #expect(counter.batches == [["hold"], ["1"], ["2"]])
        }

        @Test("who has left is not among them, and nor is who never asked", arguments: [false, true])
        func gone(_ tcp: Bool) throws {
            let responder = try responder(tcp: tcp)
            let clients = try known(5, to: responder)
            try clients[0].send(request("hold"))
            #expect(counter.hasBegun("hold"))
            for number in [1, 2, 4] { try clients[number].send(request("\(number)")) }
            for number in [2, 3] { clients[number].close() }
            counter.end("hold")
            for number in [1, 4] { #expect(try clients[number].response().text == "\(number)") }
            // Once it answers again the worker is done with the others.
            try clients[1].send(request("last"))
            #expect(try clients[1].response().text == "last")
            #expect(counter.batches == [["hold"], ["1", "4"], ["last"]])
            #expect(responder.listener.connectionCount == 3)
        }

        @Test("those too long to be looked at are answered beside others", arguments: [16_000, 16 << 10, 70_000])
        func long(_ length: Int) throws {
            let responder = try responder()
            let clients = try known(5, to: responder)
            for _ in 0..<2 {
                try clients[0].send(request("hold"))
                #expect(counter.hasBegun("hold"))
                for (number, client) in clients.enumerated().dropFirst() {
                    try client.send(request("\(number)", longerBy: number % 2 == 0 ? length : 0))
                }
                counter.end("hold")
                for (number, client) in clients.enumerated() {
                    #expect(try client.response().text == (number == 0 ? "hold" : "\(number)"))
                }
            }
            #expect(responder.listener.connectionCount == 5, "all are kept")
        }

        @Test func oneThatIsTooLongToBeLookedAtMayBeTheFirstOfItsConnection() throws {
            let responder = try responder()
            for length in [16 << 10, 70_000] {
                let client = try responder.connect()
                for name in ["first", "second"] {
                    try client.send(request(name, longerBy: length))
                    #expect(try client.response().text == name)
                }
            }
        }

        // MARK: Beside them

        @Test(
            "three that are half sent keep none that is whole from being answered", arguments: [false, true], [1, 8])
        func halfSent(_ isKnown: Bool, _ most: Int) throws {
            let counter = Counter(limit: 2)
            let responder = try Responder(
                workers: 2, reserve: 3, turnstile: counter.turnstile, takingUpTo: most, counter.serve)
            let halves = try isKnown ? known(3, to: responder) : (0..<3).map { _ in try responder.connect() }
            let bytes = (0..<3).map { request("\($0)").bytes }
            for (client, bytes) in zip(halves, bytes) {
                try client.send(Array(bytes[..<30]))
                try client.waitUntilRead()
            }
            let whole = try responder.connect()
            for _ in 0..<2 {
                try whole.send(request("whole"))
                #expect(try whole.response().text == "whole")
            }
            for (number, client) in halves.enumerated() {
                try client.send(Array(bytes[number][30...]))
                #expect(try client.response().text == "\(number)")
            }
            responder.listener.stop()
            #expect(responder.areWorkersGone())
        }

        /// Two workers that are held, and a client for each that is.
        private func held(_ responder: Responder, _ clients: [FastCGIClient]) throws {
            for (name, client) in zip(["hold", "hold too"], clients) {
                try client.send(request(name))
                #expect(counter.hasBegun(name))
            }
        }

        @Test("a new connection is left to others by a worker that waits for another thing", arguments: [false, true])
        func leavesTheSocket(_ isHalfSent: Bool) throws {
            let responder = try responder(workers: 2)
            let clients = try known(3, to: responder)
            try held(responder, clients)
            let bytes = request("wait").bytes
            try clients[2].send(isHalfSent ? Array(bytes[..<30]) : bytes)
            let new = try responder.connect()
            try new.send(request("new"))
            counter.end("hold")
            if isHalfSent { try clients[2].waitUntilRead() } else { #expect(counter.hasBegun("wait")) }
            counter.end("hold too")
            #expect(try new.response().text == "new")
            if isHalfSent { try clients[2].send(Array(bytes[30...])) }
            counter.end("wait")
            for (name, client) in zip(["hold", "hold too", "wait"], clients) {
                #expect(try client.response().text == name)
            }
        }

        @Test func aNewConnectionBesideRequestsIsAnsweredAfterThem() throws {
            let responder = try responder()
            let clients = try known(3, to: responder)
            try clients[0].send(request("hold"))
            #expect(counter.hasBegun("hold"))
            for number in [1, 2] { try clients[number].send(request("\(number)")) }
            let new = try (0..<3).map { _ in try responder.connect() }
            for client in new { try client.send(request("new")) }
            counter.end("hold")
            for client in new { #expect(try client.response().text == "new") }
            #expect(counter.batches == [["hold"], ["1", "2"], ["new"], ["new"], ["new"]])
        }

        @Test("work beside requests is run, whether their worker waits or not", arguments: [false, true])
        func work(_ waits: Bool) throws {
            let queue = WorkQueue()
            let responder = try responder(workers: waits ? 2 : 1, work: queue)
            let clients = try known(3, to: responder)
            let ran = DispatchSemaphore(value: 0)
            if waits {
                try held(responder, clients)
            } else {
                try clients[0].send(request("hold"))
                #expect(counter.hasBegun("hold"))
            }
            try clients[2].send(request(waits ? "wait" : "2"))
            for _ in 0..<20 { queue.add { ran.signal() } }
            counter.end("hold")
            if waits {
                #expect(counter.hasBegun("wait"))
                counter.end("hold too")
            }
            for _ in 0..<20 { #expect(ran.wait(timeout: .now() + .seconds(60)) == .success) }
            counter.end("wait")
            #expect(try clients[2].response().text == (waits ? "wait" : "2"))
        }

        @Test("a listener that stops beside requests answers them, and its workers leave", arguments: [1, 2])
        func stopping(_ workers: Int) throws {
            let responder = try responder(workers: workers)
            let clients = try known(4, to: responder)
            let holds = Array(["hold", "hold too"].prefix(workers))
            for (name, client) in zip(holds, clients) {
                try client.send(request(name))
                #expect(counter.hasBegun(name))
            }
            for (name, client) in zip(["wait", "3"], clients[2...]) { try client.send(request(name)) }
            responder.listener.stop()
            for name in holds { counter.end(name) }
            counter.end("wait")
            for (name, client) in zip(["wait", "3"], clients[2...]) {
                #expect(try client.response().text == name)
                #expect(client.isAtEnd(), "no connection is kept")
            }
            #expect(responder.areWorkersGone())
        }
    }
}
