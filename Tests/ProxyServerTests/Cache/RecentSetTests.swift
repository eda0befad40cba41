import ProxyCore
import Testing

@testable import ProxyServer

@Suite struct RecentSetTests {
    @Test func knowsWhatWasInserted() {
        let set = RecentSet(capacity: 8)
        #expect(!set.contains(1))
        #expect(set.insert(1))
        #expect(!set.insert(1))
        #expect(set.contains(1))
        #expect(!set.contains(2))
    }

    @Test func theOldestIsForgottenFirst() {
        let set = RecentSet(capacity: 100)
        for number in 0..<100 { set.insert(number) }
        #expect(set.contains(0))
        set.insert(100)
        #expect(!set.contains(0))
        #expect(set.contains(1) && set.contains(100))
        for number in 101..<1000 { set.insert(number) }
        #expect((0..<1000).filter { set.contains($0) } == Array(900..<1000))
    }

    @Test func aRecordIsKnownByItsKeyItsEndAndItsLength() {
        func fingerprint(_ url: String, _ tail: [UInt8], _ length: Int) -> RecordFingerprint {
            RecordFingerprint(key: CacheKeyTemplate(prefix: "").key(for: url), tail: tail, length: length)
        }
        let known = fingerprint("a", [2], 3)
        #expect(fingerprint("a", [2], 3) == known)
        #expect(fingerprint("b", [2], 3) != known)
        #expect(fingerprint("a", [9], 3) != known)
        #expect(fingerprint("a", [2], 9) != known)
    }
}
