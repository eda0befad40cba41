import ProxyCore
import Testing

@Suite struct OriginBreakerTests {
    private let start: Int64 = 1_700_000_000_000

    private func opened(at now: Int64) -> OriginBreaker {
        var breaker = OriginBreaker()
        for _ in 0..<OriginBreaker.failureLimit { breaker.failed(at: now) }
        return breaker
    }

    @Test func failuresInARowOpenIt() {
        var breaker = OriginBreaker()
        for count in 1...4 {
            breaker.failed(at: start)
            #expect(breaker.state == .closed(failures: count))
            #expect(!breaker.isSound)
        }
        breaker.succeeded()
        #expect(breaker.isSound)
        for _ in 1...4 { breaker.failed(at: start) }
        #expect(breaker.admits(at: start) == true)
        breaker.failed(at: start)
        #expect(breaker.state == .open(since: start, pause: 1000))
        #expect(breaker.admits(at: start) == false)
        #expect(breaker.timeLeft(at: start + 400) == 600)
    }

    @Test func oneProbeIsLetThrough() {
        var breaker = opened(at: start)
        #expect(breaker.admits(at: start + 999) == false)
        #expect(breaker.admits(at: start + 1000) == true)
        #expect(breaker.admits(at: start + 1000) == false)
        #expect(breaker.admits(at: start + 4999) == false)
        // The probe hangs.
        #expect(breaker.admits(at: start + 5000) == true)
        #expect(breaker.admits(at: start + 5000) == false)
        breaker.succeeded()
        #expect(breaker.isSound)
        #expect(breaker.admits(at: start + 5000) == true)
    }

    @Test func eachFailedProbeDoublesThePause() {
        var breaker = opened(at: start)
        var now = start
        for pause in [1000, 2000, 4000, 4000, 4000] as [Int64] {
            #expect(breaker.state == .open(since: now, pause: pause))
            #expect(breaker.admits(at: now + pause - 1) == false)
            now += pause
            #expect(breaker.admits(at: now) == true)
            breaker.failed(at: now)
        }
        now += 4000
        #expect(breaker.admits(at: now) == true)
        breaker.succeeded()
        for _ in 1...5 { breaker.failed(at: now) }
        #expect(breaker.state == .open(since: now, pause: 1000))
    }

    @Test func requestsFromBeforeItOpenedDoNotProlongThePause() {
        var breaker = opened(at: start)
        breaker.failed(at: start + 900)
        breaker.abandoned(at: start + 900)
        #expect(breaker.state == .open(since: start, pause: 1000))
        breaker.succeeded()
        #expect(breaker.isSound)
    }

    @Test func anAbandonedProbeIsFollowedByTheNext() {
        var breaker = opened(at: start)
        #expect(breaker.admits(at: start + 1000) == true)
        breaker.abandoned(at: start + 1200)
        #expect(breaker.admits(at: start + 1200) == true)
        #expect(breaker.admits(at: start + 1200) == false)
        breaker.failed(at: start + 1300)
        #expect(breaker.state == .open(since: start + 1300, pause: 2000))
        var sound = OriginBreaker()
        sound.abandoned(at: start)
        #expect(sound.isSound)
    }

    @Test func aClockThatIsSetBackDoesNotProlongThePause() {
        var breaker = opened(at: start)
        // Another thread read the clock a little earlier.
        #expect(breaker.admits(at: start - 1) == false)
        #expect(breaker.admits(at: start - 1000) == false)
        #expect(breaker.timeLeft(at: start - 1) == 1000)
        #expect(breaker.admits(at: start - 1001) == true)
        for now in [Int64.min, .max] {
            var breaker = opened(at: now)
            #expect(breaker.admits(at: 0) == true)
            breaker.abandoned(at: .min)
            breaker.failed(at: .max)
        }
    }
}

@Suite struct OriginBreakersTests {
    private let start: Int64 = 1_700_000_000_000

    @Test func aSoundOriginTakesRoomOnlyWhileItIsAsked() {
        var breakers = OriginBreakers()
        #expect(breakers.begin("a", at: start) == .admitted)
        #expect(breakers.begin("a", at: start) == .admitted)
        #expect(breakers.transfers(to: "a") == 2)
        #expect(breakers.transfers(to: "b") == 0)
        breakers.end("a", .succeeded, at: start)
        #expect(breakers.count == 1)
        breakers.end("a", .undecided, at: start)
        #expect(breakers.count == 0)
        breakers.end("a", .failed, at: start)
        #expect(breakers.count == 0)
    }

    @Test func anOriginThatFailsIsLeftAloneAndOthersAreNot() {
        var breakers = OriginBreakers()
        for _ in 1...5 {
            #expect(breakers.begin("a", at: start) == .admitted)
            breakers.end("a", .failed, at: start)
        }
        #expect(breakers.begin("a", at: start + 300) == .isOpen(timeLeft: 700))
        #expect(breakers.transfers(to: "a") == 0)
        #expect(breakers.begin("b", at: start + 300) == .admitted)
        #expect(breakers.begin("a", at: start + 1000) == .admitted)
        #expect(breakers.begin("a", at: start + 1001) == .isOpen(timeLeft: 3999))
        breakers.end("a", .succeeded, at: start + 1002)
        #expect(breakers.begin("a", at: start + 1002) == .admitted)
    }

    @Test func aRequestThatSaysNothingLeavesTheCountOfFailures() {
        var breakers = OriginBreakers()
        for _ in 1...4 {
            #expect(breakers.begin("a", at: start) == .admitted)
            breakers.end("a", .failed, at: start)
            #expect(breakers.begin("a", at: start) == .admitted)
            breakers.end("a", .undecided, at: start)
        }
        #expect(breakers.begin("a", at: start) == .admitted)
        breakers.end("a", .failed, at: start)
        #expect(breakers.begin("a", at: start) == .isOpen(timeLeft: 1000))
    }

    @Test func theOriginThatWasAskedLongestAgoIsForgotten() {
        var breakers = OriginBreakers(capacity: 3)
        for origin in ["busy", "a", "b"] { #expect(breakers.begin(origin, at: start) == .admitted) }
        for origin in ["a", "b", "a"] { breakers.end(origin, .failed, at: start) }
        #expect(breakers.begin("c", at: start) == .admitted)
        #expect(breakers.count == 3)
        #expect(breakers.transfers(to: "busy") == 1)
        // "b" is gone with its failure, "a" has its two.
        for _ in 1...3 {
            #expect(breakers.begin("a", at: start) == .admitted)
            breakers.end("a", .failed, at: start)
        }
        #expect(breakers.begin("a", at: start) == .isOpen(timeLeft: 1000))
    }

    @Test func theTableIsBoundedEvenWhenAllAreBusy() {
        var breakers = OriginBreakers()
        for number in 0..<3000 { #expect(breakers.begin("origin \(number)", at: start) == .admitted) }
        #expect(breakers.count == 1024)
        #expect(breakers.transfers(to: "origin 1975") == 0)
        #expect(breakers.transfers(to: "origin 1976") == 1)
        for number in 0..<3000 { breakers.end("origin \(number)", .succeeded, at: start) }
        #expect(breakers.count == 0)
        var one = OriginBreakers(capacity: -1)
        #expect(one.begin("a", at: start) == .admitted)
        #expect(one.begin("b", at: start) == .admitted)
        #expect(one.count == 1)
    }
}
