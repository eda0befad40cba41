internal import Files
import Glibc
import ProxyCore
import Synchronization

/// Keeps the store within its size: in batches, so that what it costs to find those that were not used for longest is
/// spread over many images, and for a moment at a time, so that the image that was one too many does not pay for all.
///
/// Of a few thousand images those go that were not used for longest. More are spread over the folders by chance, so each
/// folder is as good a sample as any: there, the fullest folders lose the part of their images that was not used for longest.
extension FileTier {
    /// How much of the limit is left in use when room was made, in percent.
    private static let remainingShare = 90
    /// How many images are looked at one by one.
    private static let mostCompared = 4096
    /// How long one who stores an image makes room for others.
    private static let longestTurn = Duration.milliseconds(500)

    /// Makes room if there is too little: one process at a time; another goes on meanwhile.
    func makeRoom() {
        do {
            let usage = try index.usage()
            guard usage.saturatingSum({ $0 }) > settings.fileCacheSize.bytes else { return }
            let lock = try folder.open(FileShard.usageName, in: folder.path)
            guard try lock.tryLock() else { return }
            try removeOldest(noted: usage, until: settings.fileCacheSize.bytes / 100 * Self.remainingShare)
            withExtendedLifetime(lock) {}
            sweepBodies()
        } catch {
            health.failed(error)
        }
    }

    private func removeOldest(noted: [Int], until goal: Int) throws(FileError) {
        var folders: [(number: Int, entries: [IndexEntry], usage: Int)] = []
        for number in 0..<FileFolder.shardCount {
            let entries = try index.entries(of: number)
            let usage = entries.saturatingSum(\.taken)
            folders.append((number, entries, usage))
            // Else what was damaged there would have room made for ever.
            if usage != noted[number] { try index.withShard(number) { (shard) throws(FileError) in shard.noteUsage() } }
        }
        let end = ContinuousClock.now + Self.longestTurn
        let usage = folders.saturatingSum(\.usage)
        if folders.reduce(0, { $0 + $1.entries.count }) <= Self.mostCompared {
            return try removeOldest(of: folders.flatMap(\.entries), usage: usage, until: goal, before: end)
        }
        // The fullest first: those that have had their turn are not among them any more.
        for folder in folders.sorted(by: { $0.usage > $1.usage }) where ContinuousClock.now < end {
            try removeOldest(
                of: folder.entries, usage: folder.usage, until: goal / FileFolder.shardCount, before: end)
        }
    }

    private func removeOldest(
        of entries: [IndexEntry], usage: Int, until goal: Int, before end: ContinuousClock.Instant
    ) throws(FileError) {
        guard usage > goal else { return }
        let now = clock()
        let byUse = entries.map { entry in
            let use = entry.isExpired(at: now) ? 0 : (try? Files.status(of: folder.image(entry.digest)).lastUse) ?? 0
            return (entry, use)
        }.sorted { $0.1 < $1.1 }
        var rest = usage
        var doomed: [Int: [KeyDigest]] = [:]
        for (entry, _) in byUse where rest > goal {
            rest -= entry.taken
            doomed[entry.digest.shard, default: []].append(entry.digest)
        }
        for (number, digests) in doomed where ContinuousClock.now < end {
            try index.withShard(number) { (shard) throws(FileError) in
                for digest in digests {
                    let removed = try remove(digest, from: &shard) { _ in true }
                    // What has expired was of no use to anybody.
                    if let removed, removed.kind.contains(.image), !removed.isExpired(at: now) {
                        metrics.folderEvictions.add()
                    }
                }
            }
        }
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
            isFar(status.lastChange, by: Self.leastAge), (try? file.tryLock()) == true
        else { return nil }
        if !isDryRun { try? Files.remove(path) }
        return status.size
    }

    /// Removes a lease that nobody has, and that tells nothing any more. Its length; nil where it stays.
    func removeLease(_ name: String, isDryRun: Bool) -> Int? {
        guard let digest = KeyDigest(name), let file = try? OpenFile(folder.lease(digest), .reading),
            (try? file.tryLock()) == true, let bytes = try? file.readAll(upTo: LeaseNote.longest)
        else { return nil }
        let note = LeaseNote(bytes)
        if let note, note.verdict != nil, note.until > clock() { return nil }
        // The lock keeps others from it until it is gone, and who has opened it already finds that out.
        if !isDryRun { try? Files.remove(folder.lease(digest)) }
        return bytes.count
    }
}
