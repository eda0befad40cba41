import Dispatch
import Foundation
import Glibc
import Testing

@testable import FastCGI

extension ListenerTests {
    /// How responses leave.
    @Suite struct Responses {
        static let sizes = [0, 1, 8 << 10, 65_527, 65_528, 65_529, 3 << 20]

        @Test("a response of any size arrives as it is", arguments: sizes, [false, true])
        func arrives(_ count: Int, _ tcp: Bool) throws {
            let body = pattern(count)
            let responder = try Responder(tcp: tcp, workers: 1) { request in
                try? request.send(RawSpan(), RawSpan(_elements: body.span))
                request.finish()
            }
            let client = try responder.connect()
            try client.send(WireRequest(requestIdentifier: 7))
            let response = try client.response()
            #expect(response.output == body)
            #expect(response.requestIdentifier == 7)
            #expect(response.applicationStatus == 0)
            #expect(response.protocolStatus == 0)
            #expect(client.isAtEnd())
        }

        @Test("head and body travel together", arguments: [(0, 0), (1, 0), (0, 1), (300, 1), (300, 8_000)])
        func coalesces(_ head: Int, _ body: Int) throws {
            let responder = try Responder()
            let client = try responder.connect()
            try client.send(WireRequest())
            let request = try #require(responder.listener.next())
            let bytes = pattern(head + body)
            let span = RawSpan(_elements: bytes.span)
            try request.send(span.extracting(first: head), span.extracting(droppingFirst: head))
            request.finish()
            let response = try client.response()
            #expect(response.output == bytes)
            #expect(response.recordSizes == (head + body > 0 ? [head + body] : []))
        }

        @Test("a record may end anywhere in head and body", arguments: [65_527, 65_528, 65_529, 200_000])
        func recordsSpanHeadAndBody(_ head: Int) throws {
            let bytes = pattern(head + 1 << 20)
            let responder = try Responder(workers: 1) { request in
                let span = RawSpan(_elements: bytes.span)
                try? request.send(span.extracting(first: head), span.extracting(droppingFirst: head))
                request.finish()
            }
            let client = try responder.connect()
            try client.send(WireRequest())
            let response = try client.response()
            #expect(response.output == bytes)
            #expect(response.recordSizes.dropLast().allSatisfy { $0 == 65_528 })
        }

        private static let mayHaveRoom =
            (try? String(contentsOfFile: "/proc/sys/net/core/wmem_max", encoding: .utf8))
            .flatMap { Int($0.trimmingCharacters(in: .whitespacesAndNewlines)) } ?? 0 >= 200_000

        /// More than a Unix socket has room for by itself (`net.core.wmem_default`).
        @Test(.enabled(if: mayHaveRoom, "net.core.wmem_max is small here"))
        func threeHundredKilobytesGoOutThoughNobodyReads() throws {
            let bytes = pattern(300_000)
            let responder = try Responder()
            let client = try responder.connect()
            try client.send(WireRequest())
            let request = try #require(responder.listener.next())
            #expect(request.isWritable)
            try request.send(RawSpan(), RawSpan(_elements: bytes.span).extracting(first: 40_000))
            #expect(request.isWritable)
            try request.send(RawSpan(), RawSpan(_elements: bytes.span).extracting(droppingFirst: 40_000))
            #expect(!request.isWritable, "most of it is still to be taken")
            request.finish()
            #expect(try client.response().output == bytes)
        }

        @Test func noSocketIsGivenLessThanItHas() {
            #expect(FastCGIListener.sendBufferSize(for: 1024) == nil)
            #expect(FastCGIListener.sendBufferSize(for: nil) == nil)
        }

        @Test func aResponseMayComeInManyPieces() throws {
            let bytes = pattern(100_000)
            let responder = try Responder(workers: 1) { request in
                for start in stride(from: 0, to: bytes.count, by: 997) {
                    let piece = Array(bytes[start..<min(start + 997, bytes.count)])
                    try? request.send(RawSpan(), RawSpan(_elements: piece.span))
                }
                request.finish()
            }
            let client = try responder.connect()
            try client.send(WireRequest())
            #expect(try client.response().output == bytes)
        }

        @Test("an aborted response cannot be taken for whole", arguments: [0, 1, 70_000], [false, true])
        func aborts(_ count: Int, _ keepsConnection: Bool) throws {
            let responder = try Responder()
            let client = try responder.connect()
            try client.send(WireRequest(keepsConnection: keepsConnection))
            let request = try #require(responder.listener.next())
            let body = pattern(count)
            try request.send(RawSpan(), RawSpan(_elements: body.span))
            request.abort()
            #expect(throws: FastCGIClient.Failure.invalidRecord(version: 0)) { try client.response() }
            #expect(client.isAtEnd())
            #expect(responder.listener.connectionCount == 0)
        }

        @Test func aRequestThatIsForgottenIsAborted() throws {
            let responder = try Responder()
            let client = try responder.connect()
            try client.send(WireRequest())
            _ = try #require(responder.listener.next())
            #expect(throws: FastCGIClient.Failure.invalidRecord(version: 0)) { try client.response() }
        }

        @Test func nothingFollowsTheEnd() throws {
            let responder = try Responder()
            let client = try responder.connect()
            try client.send(WireRequest(keepsConnection: true))
            let request = try #require(responder.listener.next())
            try request.answer("ok")
            request.finish()
            request.abort()
            #expect(try client.response().text == "ok")
            try client.send(WireRequest(keepsConnection: true))
            try #require(responder.listener.next()).answer("again")
            #expect(try client.response().text == "again")
        }

        @Test func writingToAPeerThatLeftFails() throws {
            let responder = try Responder()
            let client = try responder.connect()
            try client.send(WireRequest())
            let request = try #require(responder.listener.next())
            client.close()
            let body = pattern(100)
            #expect(throws: FastCGIError.peerGone) { try request.send(RawSpan(), RawSpan(_elements: body.span)) }
            request.abort()
        }

        /// The sign that a response is not whole finds no room then. It must follow, and nobody must wait for that.
        @Test(
            "a peer that takes nothing is given up, and is told so when it takes more",
            arguments: [1, 7, 8, 3 << 20])
        func givesUp(_ piece: Int) throws {
            let responder = try Responder(turnstile: Turnstile(limit: 64, Reserve(patience: .milliseconds(50))))
            let client = try responder.connect()
            try client.send(WireRequest())
            let request = try #require(responder.listener.next())
            let body = pattern(piece)
            #expect(throws: FastCGIError.timedOut) {
                while true { try request.send(RawSpan(), RawSpan(_elements: body.span)) }
            }
            request.abort()
            #expect(responder.listener.connectionCount == 1)
            #expect(throws: FastCGIClient.Failure.invalidRecord(version: 0)) { try client.response() }
            #expect(client.isAtEnd())
            while responder.listener.connectionCount > 0 { usleep(1_000) }
        }

        /// Filled up, the last record would make a body of the length that was announced.
        @Test("of a response with a length no more comes than was sent")
        func givesUpInTheLastRecord() throws {
            let responder = try Responder(turnstile: Turnstile(limit: 64, Reserve(patience: .milliseconds(50))))
            let client = try responder.connect()
            try client.send(WireRequest())
            let request = try #require(responder.listener.next())
            // Less room than the one record needs.
            var room: Int32 = 4096
            unsafe setsockopt(
                request.peerDescriptor, SOL_SOCKET, SO_SNDBUF, &room, socklen_t(MemoryLayout<Int32>.size))
            let last = pattern(60_000)
            #expect(throws: FastCGIError.timedOut) {
                try request.send(RawSpan(), RawSpan(_elements: last.span), isLast: true)
            }
            request.abort()
            #expect(responder.listener.farewells.count == 0)
            #expect(responder.listener.connectionCount == 0)
            #expect(throws: FastCGIClient.Failure.closed) { try client.response() }
        }

        @Test("an abort waits for nobody") func abortsWithoutRoom() throws {
            let responder = try Responder()
            let client = try responder.connect()
            try client.send(WireRequest())
            let request = try #require(responder.listener.next())
            let filling = pattern(1_000)
            while unsafe send(request.peerDescriptor, filling, filling.count, Int32(MSG_DONTWAIT)) > 0 {}
            request.abort()
            #expect(responder.listener.farewells.count == 1)
            client.close()
            while responder.listener.farewells.count > 0 { usleep(1_000) }
            #expect(responder.listener.connectionCount == 0)
        }

        @Test("of more peers than may be told, the first are not", arguments: [(1, 3)])
        func tellsSome(_ most: Int, _ count: Int) throws {
            let farewells = Farewells(most: most)
            let closed = DispatchGroup()
            var peers: [Int32] = []
            for _ in 0..<count {
                var pair: [Int32] = [0, 0]
                #expect(unsafe socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &pair) == 0)
                let filling = pattern(1_000)
                while unsafe send(pair[0], filling, filling.count, Int32(MSG_DONTWAIT)) > 0 {}
                closed.enter()
                farewells.add(pair[0], missing: 5) { closed.leave() }
                peers.append(pair[1])
            }
            #expect(farewells.count == most)
            for peer in peers { close(peer) }
            #expect(closed.wait(timeout: .now() + .seconds(20)) == .success)
            while farewells.count > 0 { usleep(1_000) }
        }

        @Test(
            "what a record lacks where a write ended",
            arguments: [
                (0, 100, 0), (1, 100, 99), (8, 100, 92), (99, 100, 1), (65_535, 200_000, 1), (65_536, 200_000, 0),
                (65_537, 200_000, 65_535), (131_073, 131_080, 7), (131_079, 131_080, 1),
            ])
        func missing(_ sent: Int, _ total: Int, _ missing: Int) {
            #expect(RecordWriter.missing(after: sent, of: total) == missing)
        }
    }
}
