internal import Files
import Glibc
import ProxyCore
import Synchronization

/// A lease that this process has: a file that it has locked.
struct HeldLease {
    let file: OpenFile
    let digest: KeyDigest
    let key: [UInt8]
}

/// Leases on fetches. Each is a file that who fetches has locked (flock(2)): the kernel ends the lock with the process,
/// however that ends. In it stand a time, and the token of who fetches until then, or a verdict that is told until then.
///
/// Nothing here throws: where leases cannot be had, everyone fetches for himself.
extension FileTier {
    func claimFetch(of urlText: String, as token: FetchToken, for time: Duration) -> FetchClaim {
        let key = key(for: urlText)
        let digest = KeyDigest(of: key.bytes)
        if held.withLock({ $0[token]?.digest == digest }) { return granted(digest) }
        for _ in 0..<Self.mostClaims {
            do throws(CacheFailure) {
                let answer = try write { () throws(FileError) in try claim(digest, key, token, time) }
                if let answer { return answer }
            } catch {
                return .unavailable
            }
            usleep(1000)
        }
        return .unavailable
    }

    /// How often, a millisecond apart, a lease is asked for of which nothing certain is known: its file is being made, or
    /// removed, by one who may have to wait for a processor.
    private static let mostClaims = 50

    /// Nil where that must be asked once more.
    private func claim(
        _ digest: KeyDigest, _ key: CacheKey, _ token: FetchToken, _ time: Duration
    ) throws(FileError) -> FetchClaim? {
        let file = try folder.open(digest.text, in: folder.leases)
        let isMine = try file.tryLock()
        let note = LeaseNote(try file.read(LeaseNote.longest))
        let isOver = try isOver(note, in: file)
        if let verdict = note?.verdict, !isOver { return .left(verdict) }
        guard isMine else {
            // One who has it, and has not renewed it for long, is stopped: nobody waits for that. One who has it and
            // has not said so yet says so in a moment.
            return note == nil || isOver ? nil : .taken
        }
        // It may have been removed between its opening and its locking.
        guard isCurrent(file, digest) else { return nil }
        try write(LeaseNote(until: clock(), for: time, text: token.text, key: key.bytes), to: file)
        held.withLock { $0[token] = HeldLease(file: file, digest: digest, key: key.bytes) }
        return granted(digest)
    }

    /// Whether the time of a lease has passed, or was written by a clock that is far ahead of ours.
    private func isOver(_ note: LeaseNote?, in file: OpenFile) throws(FileError) -> Bool {
        let writtenAt = try file.status().lastChange
        return note.map { $0.until <= clock() } ?? true || isYetToCome(writtenAt)
    }

    func verdict(on urlText: String) -> String? {
        do throws(FileError) {
            let file = try OpenFile(folder.lease(KeyDigest(of: key(for: urlText).bytes)), .reading)
            let note = LeaseNote(try file.read(LeaseNote.longest))
            return try isOver(note, in: file) ? nil : note?.verdict
        } catch {
            return nil
        }
    }

    private func granted(_ digest: KeyDigest) -> FetchClaim {
        .granted(isCached: (try? Files.status(of: folder.image(digest))) != nil)
    }

    func renewFetch(of urlText: String, as token: FetchToken, for time: Duration) -> Bool {
        guard let lease = held.withLock({ $0[token] }), isCurrent(lease.file, lease.digest) else { return false }
        do { try write(LeaseNote(until: clock(), for: time, text: token.text, key: lease.key), to: lease.file) } catch {
            return false
        }
        return true
    }

    func endFetch(of urlText: String, as token: FetchToken, leaving verdict: String?, for time: Duration) {
        guard let lease = held.withLock({ $0.removeValue(forKey: token) }), isCurrent(lease.file, lease.digest) else {
            return
        }
        if let verdict, time > .zero {
            let note = LeaseNote(until: clock(), for: time, text: LeaseNote.mark + verdict, key: lease.key)
            if (try? write(note, to: lease.file)) != nil { return }
        }
        try? Files.remove(folder.lease(lease.digest))
    }

    /// Whether the file is the one that others find.
    private func isCurrent(_ file: OpenFile, _ digest: KeyDigest) -> Bool {
        guard let mine = try? file.status(), let current = try? Files.status(of: folder.lease(digest)) else {
            return false
        }
        return mine.identity == current.identity
    }

    private func write(_ note: LeaseNote, to file: OpenFile) throws(FileError) {
        let bytes = note.encoded
        try file.write(bytes, at: 0)
        try file.truncate(to: bytes.count)
    }

    /// What is in the file of a lease; nil where there is none, or none that can be read.
    func leaseNote(_ digest: KeyDigest) -> LeaseNote? {
        guard let file = try? OpenFile(folder.lease(digest), .reading) else { return nil }
        return (try? file.readAll(upTo: LeaseNote.longest)).flatMap { LeaseNote($0) }
    }
}

/// What stands in the file of a lease: a time, a token or a verdict, and the key of the image, a line each.
struct LeaseNote: Equatable {
    /// Unix milliseconds.
    let until: Int64
    let text: String
    let key: [UInt8]

    static let mark = "="
    static let longest = 16 << 10

    init(until now: Int64, for time: Duration, text: String, key: [UInt8]) {
        until = now &+ Int64(clamping: time.wholeMilliseconds)
        self.text = text
        self.key = key
    }

    init?(_ bytes: [UInt8]) {
        let lines = bytes.split(separator: UInt8(ascii: "\n"), maxSplits: 2, omittingEmptySubsequences: false)
        guard lines.count == 3, let until = Int64(String(decoding: lines[0], as: UTF8.self)) else { return nil }
        self.until = until
        text = String(decoding: lines[1], as: UTF8.self)
        key = Array(lines[2])
    }

    /// What is told to those who ask; nil while somebody fetches.
    var verdict: String? { text.hasPrefix(Self.mark) ? String(text.dropFirst(Self.mark.count)) : nil }

    var encoded: [UInt8] { Array("\(until)\n\(text)\n".utf8) + key }
}
