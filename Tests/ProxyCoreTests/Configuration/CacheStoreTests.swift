import Testing

@testable import ProxyCore

@Suite struct CacheStoreTests {
    static let accepted: [(String, CacheStore)] = [
        ("redis://127.0.0.1:6379/0", server("127.0.0.1", 6379)),
        ("redis://localhost", server("localhost", 6379)),
        ("redis://localhost/", server("localhost", 6379)),
        ("redis://cache_1.internal:1/15", server("cache_1.internal", 1, database: 15)),
        ("redis://[::1]:65535/2", server("::1", 65535, database: 2)),
        ("redis://[fe80::1%eth0]/2", server("fe80::1%eth0", 6379, database: 2)),
        ("redis://user:pass@h:1/0", server("h", 1, user: "user", password: "pass")),
        ("redis://:pass@h", server("h", 6379, password: "pass")),
        ("redis://u%40x:p%3a%2F%25%C3%A9@h", server("h", 6379, user: "u@x", password: "p:/%é")),
        ("redis://:p@ss:w/rd@h", server("h", 6379, password: "p@ss:w/rd")),
        ("redis://u:p@[::1]:1", server("::1", 1, user: "u", password: "p")),
        ("unix:/run/redis.sock", socket("/run/redis.sock")),
        ("unix:/run/redis@1.sock?db=3", socket("/run/redis@1.sock", database: 3)),
        ("unix:u:p@/run/redis.sock?db=1", socket("/run/redis.sock", database: 1, user: "u", password: "p")),
        ("file:/a/b", .directory("/a/b")), ("file:///a/b", .directory("/a/b")),
        ("off", .off),
    ]

    static func server(
        _ host: String, _ port: UInt16, database: Int = 0, user: String? = nil, password: String? = nil
    ) -> CacheStore {
        .redis(
            RedisLocation(
                endpoint: .server(host: host, port: port), user: user, password: password.map { Secret($0) },
                database: database))
    }

    static func socket(_ path: String, database: Int = 0, user: String? = nil, password: String? = nil) -> CacheStore {
        .redis(
            RedisLocation(
                endpoint: .socket(path: path), user: user, password: password.map { Secret($0) }, database: database))
    }

    @Test("the forms of IMAGE_PROXY_CACHE", arguments: accepted) func reads(_ text: String, _ store: CacheStore) throws
    {
        #expect(try loaded(["IMAGE_PROXY_CACHE": text]).cache.store == store)
    }

    @Test("{here} is the folder of the configuration file")
    func here() throws {
        func load(_ value: String, _ name: String) throws -> CacheStore {
            let text = "IMAGE_PROXY_ALLOWED_HOSTS=h\nIMAGE_PROXY_CACHE=\(value)\n"
            return try Configuration.load(environment: [:], file: (name, text)).cache.store
        }
        #expect(
            try load("file:{here}/cache", "/home/u/site/api/image-proxy.conf") == .directory("/home/u/site/api/cache"))
        #expect(try load("file:{here}/a/b", "/image-proxy.conf") == .directory("/a/b"))
        for (value, name) in [
            ("file:{here}/cache", "image-proxy.conf"), ("file:{here}", "/a/b.conf"), ("file:{here}/", "/a/b.conf"),
            ("file:{here}x", "/a/b.conf"),
        ] {
            #expect(throws: ConfigurationProblems.self) { try load(value, name) }
        }
    }

    @Test("files are handed over, and nothing else", arguments: ["x-sendfile", "x-accel-redirect:/files-1/"])
    func handover(_ value: String) throws {
        let settings = try loaded(["IMAGE_PROXY_CACHE": "file:/a", "IMAGE_PROXY_HANDOVER": value]).cache
        #expect(settings.handover == (value == "x-sendfile" ? .sendfile : .accelRedirect(prefix: "/files-1/")))
        #expect(problems(["IMAGE_PROXY_CACHE": "off", "IMAGE_PROXY_HANDOVER": value]).count == 1)
    }

    @Test(
        "what is wrong is said",
        arguments: [
            ("redis:/localhost", "// is missing"), ("redis://", "the host is no name"),
            ("redis://a b", "the host is no name"),
            ("redis://::1:6379", "the host is no name"), ("redis://[::1", "no IPv6 address"),
            ("redis://[h]", "no IPv6 address"),
            ("redis://h:0", "the port is not"), ("redis://h:65536", "the port is not"),
            ("redis://h:+1", "the port is not"),
            ("redis://h:", "the port is not"), ("redis://[::1]x", "the port is not"),
            ("redis://h/x", "the database is not"), ("redis://h/-1", "the database is not"),
            ("redis://h/2147483648", "the database is not"), ("redis://h/0?x=1", "the database is not"),
            ("redis://u@h", "stands no user:password"), ("redis://u:@h", "is empty"),
            ("redis://u:%zz@h", "percent-encoded"),
            ("redis://u:%4@h", "percent-encoded"), ("redis://u:%ff@h", "percent-encoded"),
            ("rediss://h", "TLS is not supported"), ("unix:run.sock", "not an absolute path"),
            ("unix:", "not an absolute path"),
            ("unix:/a?database=1", "only ?db="), ("unix:/a?db=", "the database is not"),
            ("unix:/" + String(repeating: "a", count: 107), "longer than 107 bytes"),
            ("file:dir", "not an absolute path"), ("file://host/dir", "not an absolute path"),
            ("file:", "not an absolute path"),
        ]) func refuses(_ text: String, _ saying: String) throws
    {
        let problem = try #require(problems(["IMAGE_PROXY_CACHE": text]).first)
        #expect(problem.note?.contains(saying) == true, "\(problem)")
    }

    @Test(
        "a password is never shown, not even where it makes no sense",
        arguments: [
            "redis://u:hunter2@h:1/0", "redis://:hunter2@h", "redis://u:hunter2", "redis://u:hunter2@",
            "redis:u:hunter2@h",
            "redis://h/0?password=hunter2", "rediss://:hunter2@h", "unix:/a?password=hunter2", "unix:u:hunter2@/a",
            "u:hunter2@h:6379", "http://hunter2@h", "tcp://h?auth=hunter2", "redis://hunter2@h",
            "redis://%zz:hunter2@h", "redis:\u{301}//u:hunter2",
        ]) func redacts(_ text: String) throws
    {
        #expect(!CacheStore.redact(text).contains("hunter2"))
        let found = problems(["IMAGE_PROXY_CACHE": text])
        #expect(!"\(found)".contains("hunter2"))
        guard found.isEmpty else { return }
        let configuration = try loaded(["IMAGE_PROXY_CACHE": text])
        #expect(!"\(configuration) \(configuration.effective)".contains("hunter2"))
    }

    @Test func showsAllButThePassword() {
        #expect(CacheStore.redact("redis://u:p@[::1]:1/2") == "redis://u:<redacted>@[::1]:1/2")
        #expect(CacheStore.redact("unix:/a.sock") == "unix:/a.sock?db=0")
        #expect(CacheStore.redact("file:///a") == "file:/a")
        #expect(CacheStore.redact("memcached://h") == "memcached:<redacted>")
    }
}
