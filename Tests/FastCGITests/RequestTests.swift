import FastCGI
import Testing

extension ListenerTests {
    /// How requests arrive. The test takes each from the listener itself, after its client has sent it.
    @Suite struct Requests {
        static let lengths = [0, 1, 127, 128, 129, 8_191, 8_192, 9_000, 65_535, 65_536, 70_000]

        @Test("params of every length, in both forms of a length", arguments: lengths, [false, true])
        func params(_ count: Int, _ usesLongLengths: Bool) throws {
            let responder = try Responder()
            let client = try responder.connect()
            let long = String(repeating: "v", count: count)
            let request = WireRequest(
                params: [("BEFORE", "b"), ("LONG", long), ("N" + long, "named"), ("AFTER", "a")],
                usesLongLengths: usesLongLengths)
            try client.send(request)
            let received = try #require(responder.listener.next())
            #expect(received.param("BEFORE") == "b")
            #expect(received.param("LONG") == long)
            #expect(received.param("N" + long) == "named")
            #expect(received.param("AFTER") == "a")
            #expect(received.param("ABSENT") == nil)
            received.finish()
        }

        @Test("params over several records, with padding", arguments: [1, 7, 100, 65_535], [0, 1, 7, 255])
        func records(_ longestRecord: Int, _ padding: Int) throws {
            let responder = try Responder()
            let client = try responder.connect()
            let value = String(decoding: pattern(300).map { $0 % 26 + 0x61 }, as: UTF8.self)
            try client.send(
                WireRequest(
                    params: [("QUERY_STRING", value), ("REQUEST_METHOD", "GET")], longestRecord: longestRecord,
                    padding: padding))
            let request = try #require(responder.listener.next())
            #expect(request.param("QUERY_STRING") == value)
            #expect(request.param("REQUEST_METHOD") == "GET")
            request.finish()
        }

        @Test func theFirstOfTwoParamsWins() throws {
            let responder = try Responder()
            let client = try responder.connect()
            try client.send(WireRequest(params: [("HTTP_X", "first"), ("HTTP_X", "second")]))
            let request = try #require(responder.listener.next())
            #expect(request.param("HTTP_X") == "first")
            request.finish()
        }

        @Test("a request identifier other than 1 is answered under it", arguments: [1, 2, 255, 256, 65_535])
        func identifiers(_ identifier: UInt16) throws {
            let responder = try Responder()
            let client = try responder.connect()
            try client.send(WireRequest(params: [("A", "1")], requestIdentifier: identifier))
            try #require(responder.listener.next()).answer("ok")
            let response = try client.response()
            #expect(response.text == "ok")
            #expect(response.requestIdentifier == identifier)
        }

        @Test("a request may be cut anywhere", arguments: [false, true]) func split(_ tcp: Bool) throws {
            let responder = try Responder(tcp: tcp, workers: 1) { try? $0.answer($0.param("QUERY_STRING") ?? "?") }
            let bytes = WireRequest(params: [("QUERY_STRING", "url=a"), ("PATH", "/")], padding: 3).bytes
            for cut in 1..<bytes.count {
                let client = try responder.connect()
                try client.send(Array(bytes[..<cut]))
                try client.waitUntilRead()
                // Once it has the parameters it may have answered and left: the end of the input is nothing it waits for.
                try? client.send(Array(bytes[cut...]))
                #expect(try client.response().text == "url=a", "cut before byte \(cut)")
            }
        }

        @Test func oneByteAtATime() throws {
            let responder = try Responder(workers: 1) { try? $0.answer($0.param("QUERY_STRING") ?? "?") }
            let client = try responder.connect()
            let params = [("QUERY_STRING", "url=a")]
            // Up to the end of the parameters: behind them stands the end of an empty body.
            let needed = WireRequest(params: params).bytes.dropLast(FastCGIRecord(.stdin).bytes.count)
            for byte in needed {
                try client.send([byte])
                try client.waitUntilRead()
            }
            // Then it may have answered and left, and who sends on finds that out by the byte.
            for byte in WireRequest(params: params, body: [1, 2, 3]).bytes.dropFirst(needed.count) {
                guard (try? client.send([byte])) != nil else { break }
            }
            #expect(try client.response().text == "url=a")
        }

        static let garbage: [(String, [UInt8])] = [
            ("one byte", [1]),
            ("HTTP", Array("GET / HTTP/1.1\r\nHost: a\r\n\r\n".utf8)),
            ("zeros", [UInt8](repeating: 0, count: 64)),
            ("a TLS hello", [0x16, 3, 1, 0, 5, 1, 0, 0, 1, 3]),
            ("a header cut short", Array(WireRequest().bytes.prefix(7))),
            ("no end of params", Array(WireRequest(params: [("A", "1")]).bytes.prefix(24))),
            ("params without a beginning", Array(WireRequest(params: [("A", "1")]).bytes.dropFirst(16))),
            ("a beginning of the wrong length", FastCGIRecord(.begin, [0, 1, 0]).bytes),
            ("an unknown role", WireRequest(role: 9).bytes),
            (
                "a value that is longer than the params",
                FastCGIRecord(.begin, [0, 1, 0, 0, 0, 0, 0, 0]).bytes + FastCGIRecord(.params, [1, 100, 0x41, 1]).bytes
                    + FastCGIRecord(.params).bytes
            ),
        ]

        @Test("garbage closes its connection and no other", arguments: garbage)
        func refuses(_ what: String, _ bytes: [UInt8]) throws {
            let responder = try Responder()
            let hostile = try responder.connect()
            try hostile.send(bytes)
            hostile.endSending()
            let honest = try responder.connect()
            try honest.send(WireRequest(params: [("WHO", "honest")]))
            let request = try #require(responder.listener.next())
            #expect(request.param("WHO") == "honest")
            try request.answer("ok")
            #expect(try honest.response().text == "ok")
            #expect(hostile.isAtEnd())
            #expect(responder.listener.connectionCount == 0)
        }
    }
}
