import ProxyCore
import Redis
import Synchronization
import Testing

@testable import ProxyServer

@Suite struct CacheOperatorTests {
    private let server: RedisServer
    private let cache: CacheOperator
    private let redis: RedisOperator
    private let now = systemClock()

    init() throws {
        server = try RedisServer()
        var configuration = Samples.configuration
        configuration.cache.store = .redis(server.location)
        cache = try CacheOperator(configuration, logger: Samples.silent)
        redis = RedisOperator(server.location, configuration, logger: Samples.silent)
    }

    private static func supervision(isStopped: @escaping @Sendable () -> Bool = { false }) -> Supervision {
        Supervision(isStopped: isStopped, advanced: { _, _ in })
    }

    private func url(_ number: Int) -> String { "http://h/\(number)" }

    private func store(_ count: Int) throws {
        for number in 0..<count { try redis.tier.store(Samples.png(100), of: url(number), at: now) }
    }

    private func size() throws -> RedisReply { try server.command("DBSIZE") }

    @Test func theStatisticsAreThoseOfTheTier() throws {
        try store(3)
        let statistics = try #require(try cache.statistics(Self.supervision())).cache
        #expect(statistics.totalImages == 3 && statistics.totalSize == 300)
    }

    @Test("a walk that is stopped has done whole steps, and says that it was stopped")
    func stopped() throws {
        try store(2000)
        let steps = Mutex(0)
        let counting = Self.supervision {
            steps.withLock { steps in
                steps += 1
                return steps > 2
            }
        }
        let report = try cache.purge(CacheSelection(.all), isDryRun: false, counting)
        let purged = try #require(report.counts[.image])
        #expect(!report.isComplete && purged > 0 && purged < 2000)
        #expect(try size() == .integer(Int64(2000 - purged)))
        let rest = try cache.purge(CacheSelection(.all), isDryRun: false, Self.supervision())
        #expect(rest.isComplete && rest.counts[.image] == 2000 - purged)
    }

    @Test("a clean that is stopped ends with the key it was at")
    func stoppedClean() throws {
        for number in 0..<5 { try server.command("SET", RedisArgument("image-proxy:\(url(number))"), "{}") }
        let questions = Mutex(0)
        let report = try cache.clean(
            isDryRun: false,
            Self.supervision {
                questions.withLock { questions in
                    questions += 1
                    return questions > 3
                }
            })
        #expect(!report.isComplete && report.checked == 2 && report.found == [.foreign: 2])
        #expect(try size() == .integer(3))
    }

    @Test("progress comes to its end, and never back")
    func progress() throws {
        try store(700)
        let seen = Mutex<[(done: Int, total: Int)]>([])
        let supervision = Supervision(
            isStopped: { false }, advanced: { done, total in seen.withLock { $0.append((done, total)) } })
        _ = try cache.purge(CacheSelection(.all), isDryRun: true, supervision)
        let steps = seen.withLock { $0 }
        #expect(steps.count > 3 && steps.allSatisfy { $0.done <= $0.total && $0.total == 1400 })
        #expect(zip(steps, steps.dropFirst()).allSatisfy { $0.done <= $1.done })
        #expect(steps.last?.done == 1400)
    }

    @Test("a dry run tells each source once")
    func dryRun() throws {
        try store(300)
        for number in 0..<300 { try server.command("SET", RedisArgument("image-metadata:\(url(number))"), "{}") }
        var found: [String] = []
        let report = try cache.purge(CacheSelection(.all), isDryRun: true, Self.supervision()) { found.append($0) }
        #expect(report.counts == [.image: 300, .metadata: 300])
        #expect(found.sorted() == (0..<300).map(url).sorted())
        #expect(try size() == .integer(600))
    }

    @Test("what has changed since it was judged is left alone")
    func removalIsConditional() throws {
        let key: RedisArgument = "k"
        func run(_ script: RedisScript) throws -> RedisReply { try redis.tier.run(script) }
        try server.command("SET", key, "abcd")
        #expect(try run(.remove(key, tail: Array("cx".utf8), length: 4)) == .integer(0))
        #expect(try run(.remove(key, tail: Array("cd".utf8), length: 5)) == .integer(0))
        #expect(try run(.removeUnlessString(key)) == .integer(0))
        #expect(try run(.remove(key, tail: Array("cd".utf8), length: 4)) == .integer(1))
        #expect(try run(.remove(key, tail: Array("cd".utf8), length: 4)) == .integer(0))
        try server.command("SET", key, "")
        #expect(try run(.remove(key, tail: [], length: 0)) == .integer(1))
        try server.command("SET", key, "a", "PX", "100000")
        #expect(try run(.removeUnlessExpiring(key)) == .integer(0))
        try server.command("PERSIST", key)
        #expect(try run(.removeUnlessExpiring(key)) == .integer(1))
        try server.command("RPUSH", key, "a")
        #expect(try run(.removeUnlessString(key)) == .integer(1))
        #expect(try size() == .integer(0))
    }

    @Test("a refusal of Redis is an error, and no empty cache")
    func refusal() throws {
        try server.command("ACL", "SETUSER", "default", "-scan")
        #expect(throws: CacheFailure.self) {
            try cache.purge(CacheSelection(.all), isDryRun: true, Self.supervision())
        }
        server.end()
        #expect(throws: CacheFailure.self) { try cache.inspect("http://h/") }
    }
}

@Suite struct WarmerTests {
    @Test("who is stopped before the first image asks for none")
    func stopped() throws {
        let server = try RedisServer()
        let origin = try Origin(["/a": Origin.image(Samples.png(100))])
        var configuration = Samples.configuration
        configuration.cache.store = .redis(server.location)
        let warmer = try Warmer(configuration, concurrency: 3, logger: Samples.silent)
        let ended = Mutex<[WarmOutcome]>([])
        warmer.run([origin.url("/a")], rate: nil, isStopped: { true }) { _, outcome in
            ended.withLock { $0.append(outcome) }
        }
        #expect(ended.withLock { $0 }.isEmpty)
        warmer.run([origin.url("/a")], rate: 1000, isStopped: { false }) { _, outcome in
            ended.withLock { $0.append(outcome) }
        }
        #expect(ended.withLock { $0 } == [.kept(100)])
    }

    @Test("each image has one outcome, whatever it is")
    func outcomes() throws {
        let server = try RedisServer()
        let origin = try Origin([
            "/a": Origin.image(Samples.png(100)), "/b": Origin.image(Samples.png(200), "Cache-Control: no-store\r\n"),
            "/c": Origin.image(Samples.html),
        ])
        var configuration = Samples.configuration
        configuration.cache.store = .redis(server.location)
        let warmer = try Warmer(configuration, concurrency: 4, logger: Samples.silent)
        let ended = Mutex<[String: WarmOutcome]>([:])
        let urls = ["/a", "/b", "/c", "/d"].map { origin.url($0) } + ["http://user@h/", "x"]
        warmer.run(urls, rate: nil, isStopped: { false }) { url, outcome in ended.withLock { $0[url] = outcome } }
        let expected: [WarmOutcome] = [
            .kept(100), .notKept, .failed("upstream.not-an-image"), .failed("upstream.status-404"),
            .failed("denied.userinfo"), .failed("bad-request.malformed"),
        ]
        for (url, outcome) in zip(urls, expected) { #expect(ended.withLock { $0[url] } == outcome, "\(url)") }
        server.end()
        warmer.run([origin.url("/a")], rate: nil, isStopped: { false }) { url, outcome in
            ended.withLock { $0[url] = outcome }
        }
        guard case .failed(let reason) = ended.withLock({ $0[origin.url("/a")] }) else {
            Issue.record("the cache is away")
            return
        }
        #expect(reason.hasPrefix("cache: "))
    }
}
