import FastCGI
import Glibc
import Testing

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

        /// Aborting must not wait as long once more for a peer that has just been given up.
        @Test func writingToAPeerThatTakesNothingTimesOut() throws {
            let responder = try Responder()
            let client = try responder.connect()
            try client.send(WireRequest())
            let request = try #require(responder.listener.next())
            var limit = timeval(tv_sec: 0, tv_usec: 20_000)
            unsafe setsockopt(
                request.peerDescriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
            let body = pattern(3 << 20)
            #expect(throws: FastCGIError.timedOut) { try request.send(RawSpan(), RawSpan(_elements: body.span)) }
            limit = timeval(tv_sec: 0, tv_usec: 0)  // No limit: what blocks now blocks for good.
            unsafe setsockopt(
                request.peerDescriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
            request.abort()
            #expect(throws: (any Error).self) { try client.response() }
        }
    }
}
