import FastCGI
import Glibc
import Testing

extension ListenerTests {
    @Suite struct Sockets {
        private let directory: TemporaryDirectory
        private var path: String { directory.path + "/app.sock" }

        init() throws {
            closeSoon()
            directory = try TemporaryDirectory()
        }

        @Test func aSuccessorTakesThePathOver() throws {
            let old = try FastCGIListener(sockets: [ListeningSocket(at: .unix(path: path))])
            let early = try FastCGIClient(to: .unix(path: path))
            try early.send(WireRequest(params: [("A", "1")]))
            let new = try FastCGIListener(sockets: [ListeningSocket(at: .unix(path: path))])
            let late = try FastCGIClient(to: .unix(path: path))
            try late.send(WireRequest(params: [("A", "2")]))

            old.stop()
            #expect(directory.files == ["app.sock"], "the successor's file stays")
            let oldRequest = try #require(old.next())
            #expect(oldRequest.param("A") == "1")
            try oldRequest.answer("old")
            #expect(try early.response().text == "old")

            let newRequest = try #require(new.next())
            #expect(newRequest.param("A") == "2")
            newRequest.finish()
            new.stop()
            #expect(directory.files == [], "its own file it takes away")
        }

        @Test("the socket's mode is the one asked for, whatever the umask", arguments: [0o660, 0o600, 0o666])
        func hasMode(_ mode: UInt32) throws {
            let listener = try FastCGIListener(sockets: [
                ListeningSocket(at: .unix(path: path), access: ListeningSocket.Access(mode: mode))
            ])
            defer { listener.stop() }
            var status = stat()
            #expect(unsafe lstat(path, &status) == 0)
            #expect(status.st_mode & 0o7777 == mode)
            #expect(status.st_mode & S_IFMT == S_IFSOCK)
        }

        @Test func onlyTheOwnerAndItsGroupMayConnectByDefault() {
            #expect(ListeningSocket.Access().mode == 0o660)
            #expect(ListeningSocket.Access().group == nil)
        }

        @Test func aGroupThatDoesNotExistIsRefused() throws {
            let error = #expect(throws: FastCGIError.self) {
                try ListeningSocket(at: .unix(path: path), access: ListeningSocket.Access(group: "no such group"))
            }
            #expect(error?.call == "chown")
            #expect(directory.files == [], "nothing stays behind")
        }

        @Test func aFileThatIsNoSocketIsNotReplaced() throws {
            let descriptor = unsafe open(path, O_CREAT | O_WRONLY, 0o600)
            close(descriptor)
            let error = #expect(throws: FastCGIError.self) { try ListeningSocket(at: .unix(path: path)) }
            #expect(error?.call == "bind")
            var status = stat()
            #expect(unsafe lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG)
            #expect(directory.files == ["app.sock"])
        }

        @Test func aSocketThatACrashLeftIsReplaced() throws {
            let abandoned = try ListeningSocket(at: .unix(path: path))
            _ = consume abandoned  // Not closed: its file stays, as after a crash.
            let listener = try FastCGIListener(sockets: [ListeningSocket(at: .unix(path: path))])
            defer { listener.stop() }
            let client = try FastCGIClient(to: .unix(path: path))
            try client.send(WireRequest())
            try #require(listener.next()).answer("ok")
            #expect(try client.response().text == "ok")
        }

        @Test("where it cannot listen it says so", arguments: ["/nowhere/at/all.sock", "/"])
        func refuses(_ path: String) throws {
            #expect(throws: FastCGIError.self) { try ListeningSocket(at: .unix(path: path)) }
        }

        @Test("a host must be an address", arguments: ["example.com", "1.2.3.4.5", "256.0.0.1", "a b"])
        func refusesNames(_ host: String) throws {
            let error = #expect(throws: FastCGIError.self) {
                try ListeningSocket(at: .tcp(host: host, port: freePort()))
            }
            #expect(error?.call == "getaddrinfo")
        }

        @Test func aPortThatIsTakenIsRefused() throws {
            let port = try freePort()
            let listener = try FastCGIListener(sockets: [ListeningSocket(at: .tcp(host: "127.0.0.1", port: port))])
            defer { listener.stop() }
            let error = #expect(throws: FastCGIError.self) {
                try ListeningSocket(at: .tcp(host: "127.0.0.1", port: port))
            }
            #expect(error?.call == "bind")
        }

        @Test func aListenerMayHaveSeveralSockets() throws {
            let port = try freePort()
            let listener = try FastCGIListener(sockets: [
                ListeningSocket(at: .unix(path: path)), ListeningSocket(at: .tcp(host: "127.0.0.1", port: port)),
            ])
            defer { listener.stop() }
            for address in [FastCGIAddress.unix(path: path), .tcp(host: "127.0.0.1", port: port)] {
                let client = try FastCGIClient(to: address)
                try client.send(WireRequest(params: [("AT", "\(address)")]))
                let request = try #require(listener.next())
                #expect(request.param("AT") == "\(address)")
                request.finish()
            }
        }

        @Test("what does not listen is told apart", arguments: [false, true]) func tells(_ listens: Bool) throws {
            let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            defer { close(descriptor) }
            if listens { listen(descriptor, 1) }
            #expect(ListeningSocket.isListening(descriptor) == listens)
            #expect(!ListeningSocket.isListening(-1))
        }
    }
}

extension FastCGIError {
    fileprivate var call: String? {
        if case .cannotListen(_, let call, _) = self { call } else { nil }
    }
}
