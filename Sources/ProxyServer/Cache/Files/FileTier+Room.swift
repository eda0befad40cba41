internal import Files
import Glibc
import ProxyCore
import Synchronization

/// Keeps the store within its size: in batches, so that what it costs to find those that were not used for longest is
/// spread over many images.
extension FileTier {
    /// How much of the limit is left in use when room was made, in percent.
    private static let remainingShare = 90

    /// Makes room if there is too little: one process at a time; another goes on meanwhile.
    func makeRoom() {
        do {
            guard try index.usage() > settings.fileCacheSize.bytes else { return }
            let lock = try folder.open("usage", in: folder.path)
            guard try lock.tryLock() else { return }
            try removeOldest(until: settings.fileCacheSize.bytes / 100 * Self.remainingShare)
            sweepBodies()
            withExtendedLifetime(lock) {}
        } catch {
            health.failed(error)
        }
    }

    private struct Candidate {
        let digest: KeyDigest
        let taken: Int
        /// When it was used last, in nanoseconds; 0 for what has expired.
        let lastUse: Int
    }

    private func removeOldest(until goal: Int) throws(FileError) {
        var (candidates, usage) = try candidates()
        candidates.sort { $0.lastUse < $1.lastUse }
        var doomed: [Int: [KeyDigest]] = [:]
        for candidate in candidates {
            guard usage > goal else { break }
            usage -= candidate.taken
            doomed[candidate.digest.shard, default: []].append(candidate.digest)
        }
        for (number, digests) in doomed {
            try index.withShard(number) { (shard) throws(FileError) in
                for digest in digests { _ = try remove(digest, from: &shard) { _ in true } }
            }
        }
    }

    private func candidates() throws(FileError) -> (list: [Candidate], usage: Int) {
        let now = clock()
        var found: [Candidate] = []
        for shard in 0..<FileFolder.shardCount {
            for entry in try index.entries(of: shard) {
                let use =
                    entry.isExpired(at: now) ? 0 : (try? Files.status(of: folder.image(entry.digest)).lastUse) ?? 0
                found.append(Candidate(digest: entry.digest, taken: entry.taken, lastUse: use))
            }
        }
        return (found, found.reduce(0) { $0 + $1.taken })
    }

    func keepCount(isStopping: () -> Bool) {
        _ = health.permitsWrites()
        let isDue = nextSweep.withLock { next in
            let now = ContinuousClock.now
            defer { if next.map({ now >= $0 }) ?? true { next = now + Self.sweepInterval } }
            // Not at once: a process that is just starting has better things to do.
            return next.map { now >= $0 } ?? false
        }
        if isDue { sweep() }
    }

    private static let sweepInterval = Duration.seconds(60)
    /// A draft or a lease without a lock is one whose process has died, unless it was made just now: nanoseconds.
    static let leastAge = 60 * 1_000_000_000

    /// Removes the drafts and leases of processes that have died, and verdicts that are not told any more.
    func sweep() {
        for name in (try? Files.names(in: folder.drafts)) ?? [] { _ = removeDraft(name, isDryRun: false) }
        for name in (try? Files.names(in: folder.leases)) ?? [] { _ = removeLease(name, isDryRun: false) }
        sweepBodies()
    }

    /// Removes a draft that nobody writes any more. Its length; nil where it stays.
    func removeDraft(_ name: String, isDryRun: Bool) -> Int? {
        let path = "\(folder.drafts)/\(name)"
        guard let file = try? OpenFile(path, .reading), let status = try? file.status(),
            Int(clock()) * 1_000_000 - status.lastChange > Self.leastAge, (try? file.tryLock()) == true
        else { return nil }
        if !isDryRun { try? Files.remove(path) }
        return status.size
    }

    /// Removes a lease that nobody has, and that tells nothing any more. Its length; nil where it stays.
    func removeLease(_ name: String, isDryRun: Bool) -> Int? {
        guard let digest = KeyDigest(name), let file = try? OpenFile(folder.lease(digest), .reading),
            (try? file.tryLock()) == true, let bytes = try? file.read(LeaseNote.longest)
        else { return nil }
        let note = LeaseNote(bytes)
        if let note, note.verdict != nil, note.until > clock() { return nil }
        // The lock keeps others from it until it is gone, and who has opened it already finds that out.
        if !isDryRun { try? Files.remove(folder.lease(digest)) }
        return bytes.count
    }
}
