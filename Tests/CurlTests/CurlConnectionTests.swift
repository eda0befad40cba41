import Curl
import Glibc
import Testing

/// Which connections are made, which are used again, and who is asked before.
@Suite struct CurlConnectionTests {
    @Test func aConnectionIsUsedAgain() throws {
        let origin = try ScriptedOrigin()
        let transfer = try CurlTransfer()
        for number in 0..<5 { #expect(try transfer.fetch(origin.url("/\(number)")).text == "ok") }
        #expect(origin.connectionCount == 1)
        #expect(origin.requests.count == 5)
    }

    @Test func aConnectionThatTheOriginEndsIsNot() throws {
        let origin = try ScriptedOrigin(
            answeringOnce: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
        let transfer = try CurlTransfer()
        for _ in 0..<3 { #expect(try transfer.fetch(origin.url()).text == "ok") }
        #expect(origin.connectionCount == 3)
    }

    @Test func aTransferThatFailedCanBeUsedAgain() throws {
        let broken = try ScriptedOrigin(answeringOnce: "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
        let sound = try ScriptedOrigin()
        let transfer = try CurlTransfer()
        for _ in 0..<3 {
            #expect(throws: CurlError.self) { try transfer.fetch(broken.url()) }
            #expect(try transfer.fetch(sound.url()).text == "ok")
        }
        #expect(sound.connectionCount == 1)
    }

    @Test func aStoppedBodyDoesNotReachTheNextTransfer() throws {
        let origin = try ScriptedOrigin(answering: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        let transfer = try CurlTransfer()
        #expect(throws: CurlError.stopped) { try transfer.fetch(origin.url("/1")) { $0.wantsHead = false } }
        #expect(try transfer.fetch(origin.url("/2")).text == "ok")
    }

    @Test func thePeerIsJudgedAtConnectAndBeforeEveryRequest() throws {
        let origin = try ScriptedOrigin()
        let transfer = try CurlTransfer()
        let first = try transfer.fetch(origin.url())
        #expect(first.peers.map(\.address) == [[127, 0, 0, 1], [127, 0, 0, 1]])
        #expect(first.peers.map(\.port) == [origin.port, origin.port])
        let second = try transfer.fetch(origin.url())
        #expect(second.peers.map(\.address) == [[127, 0, 0, 1]])
        #expect(origin.connectionCount == 1)
    }

    @Test func aPeerThatIsRefusedIsNotDialled() throws {
        let origin = try ScriptedOrigin()
        let transfer = try CurlTransfer()
        #expect(throws: CurlError.connectionFailed(refusedByPolicy: true)) {
            try transfer.fetch(origin.url("/refused")) { $0.admitsPeer = { _ in false } }
        }
        try transfer.fetch(origin.url("/admitted"))
        #expect(origin.connectionCount == 1)
        #expect(origin.requests.count == 1)
    }

    @Test func aPeerThatIsRefusedLaterGetsNoRequest() throws {
        let origin = try ScriptedOrigin()
        let transfer = try CurlTransfer()
        try transfer.fetch(origin.url("/1"))
        #expect(throws: CurlError.connectionFailed(refusedByPolicy: true)) {
            try transfer.fetch(origin.url("/refused")) { $0.admitsPeer = { _ in false } }
        }
        try transfer.fetch(origin.url("/2"))
        #expect(origin.requests.map { $0.prefix(6) } == ["GET /1", "GET /2"])
    }

    @Test(
        "a name is judged by every address it stands for",
        arguments: ["localhost", "127.1", "0x7f000001", "2130706433"])
    func judgesNames(_ host: String) throws {
        let origin = try ScriptedOrigin()
        let received = RecordingDelegate()
        received.admitsPeer = { $0.address == [127, 0, 0, 1] }
        // The IPv6 address of localhost, where it has one, is refused, and the IPv4 one is then used.
        try CurlTransfer().perform("http://\(host):\(origin.port)/", limits: .patient, for: received)
        #expect(received.text == "ok")
        #expect(received.peers.last?.address == [127, 0, 0, 1])
    }

    @Test func aPortThatNobodyListensOnIsNoMatterOfPolicy() throws {
        let transfer = try CurlTransfer()
        let bound = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(bound) }
        let port = try listenOnLoopback(bound, backlog: nil)
        #expect(throws: CurlError.connectionFailed(refusedByPolicy: false)) {
            try transfer.fetch("http://127.0.0.1:\(port)/")
        }
    }

    @Test func aNameThatCannotBe() throws {
        let transfer = try CurlTransfer()
        #expect(throws: CurlError.nameNotResolved) { try transfer.fetch("http://a..b/") }
    }
}
