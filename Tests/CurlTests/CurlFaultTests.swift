import Curl
import Dispatch
import Glibc
import Testing

/// Origins that break HTTP, are slow, or are not wanted any more.
@Suite struct CurlFaultTests {
    static let broken: [(String, String)] = [
        ("nothing", ""),
        ("a short body", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"),
        ("no body at all", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"),
        ("a length that is none", "HTTP/1.1 200 OK\r\nContent-Length: abc\r\n\r\nabc"),
        ("a negative length", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nabc"),
        ("a chunk without a size", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\nabc\r\n0\r\n\r\n"),
        ("a chunk cut short", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nA\r\nabc"),
        ("no last chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"),
        ("an endless chunk size", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\nabc"),
        ("HTTP/0.9", "<html>hello</html>"),
        ("another protocol", "SSH-2.0-OpenSSH\r\n"),
        ("a head without its end", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n"),
        ("a bad status", "HTTP/1.1 2x0 OK\r\n\r\n"),
        ("a field without a colon", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nnonsense\r\n\r\nok"),
        ("a folded field", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Kept: a\r\n b\r\n\r\nok"),
        ("a control byte", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Kept: a\u{1}\r\n\r\nok"),
        ("a bare CR", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Kept: a\rSet-Cookie: b\r\n\r\nok"),
        ("a NUL", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Kept: a\0b\r\n\r\nok"),
        ("interim responses without end", String(repeating: "HTTP/1.1 100 Continue\r\n\r\n", count: 100)),
        (
            "a head that is too long",
            "HTTP/1.1 200 OK\r\n" + String(repeating: "X: " + String(repeating: "a", count: 1000) + "\r\n", count: 70)
                + "Content-Length: 2\r\n\r\nok"
        ),
    ]

    @Test("what is not HTTP is a broken response", arguments: broken) func isBroken(_ what: String, _ answer: String)
        throws
    {
        let origin = try ScriptedOrigin(answeringOnce: answer)
        let transfer = try CurlTransfer()
        let error = #expect(throws: CurlError.self) { try transfer.fetch(origin.url()) }
        guard case .brokenResponse? = error else {
            Issue.record("\(error as Any)")
            return
        }
    }

    @Test("a delegate that wants no more is obeyed", arguments: [true, false]) func stops(_ atHead: Bool) throws {
        let origin = try ScriptedOrigin(answering: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        let transfer = try CurlTransfer()
        let received = RecordingDelegate()
        received.wantsHead = !atHead
        received.wantsPiece = { false }
        #expect(throws: CurlError.stopped) { try transfer.perform(origin.url(), limits: .patient, for: received) }
        #expect(received.head?.status == 200)
        #expect(received.pieces == (atHead ? 0 : 1))
    }

    @Test func connectingHasALimit() throws {
        let full = try FullQueue()
        let transfer = try CurlTransfer()
        #expect(throws: CurlError.timedOut(.connect)) {
            try transfer.fetch("http://127.0.0.1:\(full.port)/", .within(connect: .milliseconds(30)))
        }
    }

    @Test(
        "the first byte has a limit",
        arguments: ["", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"])
    func firstByte(_ beginning: String) throws {
        let origin = try ScriptedOrigin { visitor in
            _ = visitor.receiveHead()
            visitor.send(beginning)
            visitor.hold()
        }
        let transfer = try CurlTransfer()
        #expect(throws: CurlError.timedOut(.firstByte)) {
            try transfer.fetch(origin.url(), .within(firstByte: .milliseconds(50)))
        }
    }

    @Test func aHeadThatDripsHasTheSameLimit() throws {
        let origin = try ScriptedOrigin { visitor in
            _ = visitor.receiveHead()
            visitor.send("HTTP/1.1 200 OK\r\nX: ")
            visitor.drip()
        }
        let transfer = try CurlTransfer()
        #expect(throws: CurlError.timedOut(.firstByte)) {
            try transfer.fetch(origin.url(), .within(firstByte: .milliseconds(50)))
        }
    }

    @Test func aPauseHasALimit() throws {
        let origin = try ScriptedOrigin { visitor in
            _ = visitor.receiveHead()
            visitor.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc")
            visitor.hold()
        }
        let transfer = try CurlTransfer()
        #expect(throws: CurlError.timedOut(.stall)) {
            try transfer.fetch(origin.url(), .within(stall: .milliseconds(50)))
        }
    }

    @Test func theWholeHasALimit() throws {
        let origin = try ScriptedOrigin { visitor in
            _ = visitor.receiveHead()
            visitor.send("HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
            visitor.drip()
        }
        let transfer = try CurlTransfer()
        #expect(throws: CurlError.timedOut(.total)) {
            try transfer.fetch(origin.url(), .within(total: .milliseconds(100)))
        }
    }

    /// The client took longer than the origin may: both limits are the origin's, and it was in time.
    @Test func theOriginIsNotBlamedForASlowDelegate() throws {
        let mayGoOn = DispatchSemaphore(value: 0)
        let origin = try ScriptedOrigin { visitor in
            _ = visitor.receiveHead()
            visitor.send("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc")
            mayGoOn.wait()
            visitor.send("def")
        }
        let limits = CurlTransfer.Limits.within(stall: .milliseconds(500), total: .milliseconds(500))
        let received = try CurlTransfer().fetch(origin.url(), limits) { delegate in
            delegate.wantsPiece = {
                if delegate.pieces == 1 {
                    usleep(700_000)
                    mayGoOn.signal()
                }
                return true
            }
        }
        #expect(received.text == "abcdef")
    }

    @Test func aTransferThatNobodyWaitsForIsAbandoned() throws {
        let origin = try ScriptedOrigin { visitor in
            _ = visitor.receiveHead()
            visitor.hold()
        }
        let left = try Pipe()
        left.makeReadable()
        let received = RecordingDelegate()
        let transfer = try CurlTransfer()
        #expect(throws: CurlError.abandoned) {
            try transfer.perform(origin.url(), limits: .patient, watching: left.reading, for: received)
        }
        #expect(received.timesAsked == 1)
    }

    @Test func aTransferThatIsStillWaitedForGoesOn() throws {
        let wasAsked = DispatchSemaphore(value: 0)
        let origin = try ScriptedOrigin { visitor in
            _ = visitor.receiveHead()
            wasAsked.wait()
            visitor.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        }
        let readable = try Pipe()
        readable.makeReadable()
        let received = try CurlTransfer().fetch(origin.url(), watching: readable.reading) { delegate in
            delegate.whetherAbandoned = {
                wasAsked.signal()
                return false
            }
        }
        #expect(received.text == "ok")
        #expect(received.timesAsked == 1)
    }
}

/// A descriptor that becomes readable when a test says so.
private final class Pipe {
    let reading: Int32
    private let writing: Int32

    init() throws {
        var ends: [Int32] = [0, 0]
        guard unsafe pipe(&ends) == 0 else { throw SystemFailure(call: "pipe") }
        (reading, writing) = (ends[0], ends[1])
    }

    deinit {
        close(reading)
        close(writing)
    }

    func makeReadable() { _ = unsafe write(writing, "x", 1) }
}
