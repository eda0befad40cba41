import Dispatch
import Synchronization
import Testing

@testable import Redis

@Suite struct NameResolverTests {
    private var patience: Deadline { Deadline(after: .seconds(30)) }

    @Test("an IP literal is not looked up", arguments: ["127.0.0.1", "::1", "2001:db8::1"])
    func literal(_ host: String) throws {
        let resolver = NameResolver { _ in ["never"] }
        #expect(try resolver.addresses(of: host, until: patience) == [host])
    }

    @Test("an answer is remembered")
    func remembers() throws {
        let count = Atomic(0)
        let resolver = NameResolver { _ in ["\(count.add(1, ordering: .relaxed).newValue)"] }
        #expect(try resolver.addresses(of: "a", until: patience) == ["1"])
        #expect(try resolver.addresses(of: "a", until: patience) == ["1"])
        #expect(try resolver.addresses(of: "b", until: patience) == ["2"])
    }

    @Test("a lookup that hangs holds nobody beyond the deadline, and has one thread")
    func hangs() throws {
        let release = DispatchSemaphore(value: 0)
        let count = Atomic(0)
        let resolver = NameResolver { _ in
            count.add(1, ordering: .relaxed)
            release.wait()
            return ["127.0.0.1"]
        }
        for _ in 0..<5 {
            #expect(throws: RedisError.timedOut) {
                try resolver.addresses(of: "a", until: Deadline(after: .milliseconds(5)))
            }
        }
        release.signal()
        #expect(try resolver.addresses(of: "a", until: patience) == ["127.0.0.1"])
        #expect(count.load(ordering: .relaxed) == 1)
    }

    @Test("a name without an address")
    func unknown() {
        let resolver = NameResolver { _ in [] }
        #expect(throws: RedisError.connectionFailed("host name not found")) {
            try resolver.addresses(of: "a", until: patience)
        }
    }

    @Test("the system's resolver knows localhost, and a server is found by it")
    func system() throws {
        let addresses = try NameResolver.shared.addresses(of: "localhost", until: patience)
        #expect(addresses.contains("127.0.0.1"))
        try withServer { server throws in
            let endpoint = RedisEndpoint(.tcp(host: "localhost", port: server.port))
            #expect(try server.connect(endpoint).command(["PING"]) == .status("PONG"))
        }
    }
}
