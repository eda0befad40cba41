import Glibc
import Testing

@testable import FastCGI

/// Whether a request is whole, told by what waits on its connection.
@Suite struct ArrivalTests {
    /// Both ends of a connection.
    private final class Pair {
        private(set) var ends: [Int32] = [-1, -1]

        init() throws { try #require(unsafe socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) == 0) }

        deinit { for end in ends { close(end) } }

        func send(_ bytes: some Collection<UInt8>) {
            let bytes = Array(bytes)
            #expect(unsafe Glibc.send(ends[0], bytes, bytes.count, 0) == bytes.count)
        }

        func arrival(through length: Int = Arrival.longest) -> Arrival {
            var window = [UInt8](repeating: 0, count: length)
            return unsafe window.withUnsafeMutableBytes { unsafe Arrival(on: ends[1], through: $0) }
        }
    }

    private static let params = [("QUERY_STRING", "url=a"), ("REQUEST_METHOD", "GET")]
    static let requests = [
        WireRequest(), WireRequest(params: params), WireRequest(params: params, padding: 7),
        WireRequest(params: params, padding: 255), WireRequest(params: params, longestRecord: 1, padding: 1),
        WireRequest(params: params, body: [1, 2, 3], padding: 5), WireRequest(params: params, body: pattern(3000)),
    ]

    @Test("a request is whole with its last byte and not before", arguments: requests.indices)
    func whole(_ number: Int) throws {
        let bytes = Self.requests[number].bytes
        for cut in 1..<bytes.count {
            let pair = try Pair()
            pair.send(bytes[..<cut])
            #expect(pair.arrival() == .part, "before byte \(cut)")
        }
        let pair = try Pair()
        for start in stride(from: 0, to: bytes.count, by: 50) { pair.send(bytes[start..<min(start + 50, bytes.count)]) }
        #expect(pair.arrival() == .request, "in however many pieces it came")
        #expect(pair.arrival() == .request, "and it is left where it is")
        pair.send([1])
        #expect(pair.arrival() == .request, "whatever follows it")
    }

    @Test func nothingIsNoEnd() throws {
        let pair = try Pair()
        #expect(pair.arrival() == .nothing)
        shutdown(pair.ends[0], Int32(SHUT_WR))
        #expect(pair.arrival() == .end)
    }

    @Test func aRequestWhoseSenderHasGoneIsOne() throws {
        let pair = try Pair()
        pair.send(WireRequest().bytes)
        shutdown(pair.ends[0], Int32(SHUT_RDWR))
        #expect(pair.arrival() == .request)
    }

    @Test("what does not fit the window is a part", arguments: [0, 1]) func window(_ beyond: Int) throws {
        let length = WireRequest().bytes.count + beyond
        let pair = try Pair()
        pair.send(WireRequest().bytes)
        #expect(pair.arrival(through: length - 1) == (beyond == 0 ? .part : .request))
    }

    @Test(
        "lengths that lead out of the window lead nowhere",
        arguments: [[1, 5, 0, 1, 0xFF, 0xFF, 0xFF, 0], [UInt8](repeating: 0xFF, count: 64)])
    func out(_ bytes: [UInt8]) throws {
        let pair = try Pair()
        pair.send(bytes)
        #expect(pair.arrival() == .part)
    }
}
