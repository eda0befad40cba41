internal import Files
import ProxyCore

extension FileOperator {
    func purge(
        _ selection: CacheSelection, isDryRun: Bool, _ supervision: Supervision, found: (String) -> Void
    ) throws(CacheFailure) -> PurgeReport {
        var purge = FilePurge(cache: self, selection: selection, isDryRun: isDryRun)
        if case .url(let urlText) = selection.scope {
            try purge.takeImage(KeyDigest(of: tier.key(for: urlText).bytes), found)
        } else {
            purge.report.isComplete = try forEachImage(supervision) { (digest) throws(CacheFailure) in
                try purge.takeImage(digest, found)
            }
        }
        // What is fetched or written now is younger than anything.
        if purge.report.isComplete, selection.minimumAge == nil {
            purge.takeLeases(found)
            purge.takeDrafts()
        }
        return purge.report
    }
}

private struct FilePurge {
    let cache: FileOperator
    let selection: CacheSelection
    let isDryRun: Bool
    var report = PurgeReport()
    /// The leases that were met.
    private var seen: Set<KeyDigest> = []
    private let now: Int64
    private var folder: FileFolder { cache.folder }

    init(cache: FileOperator, selection: CacheSelection, isDryRun: Bool) {
        self.cache = cache
        self.selection = selection
        self.isDryRun = isDryRun
        now = cache.tier.clock()
    }

    mutating func takeImage(_ digest: KeyDigest, _ found: (String) -> Void) throws(CacheFailure) {
        let file = try cache.open(digest)
        guard isMeant(file) else { return }
        let isDryRun = isDryRun
        let taken = try cache.asking { () throws(FileError) -> IndexEntry? in
            if isDryRun { return file.map { IndexEntry(digest, $0, in: folder) } }
            return try cache.tier.removeFile(digest) { $0?.header.key == file?.header.key }
        }
        if let file { takeLease(digest, of: file.header.key) }
        guard let taken, !taken.isExpired(at: now) || file == nil else { return }
        if taken.kind.contains(.image) || file == nil { report.counts[.image, default: 0] += 1 }
        if taken.kind.contains(.metadata) { report.counts[.metadata, default: 0] += 1 }
        if let file, let owned = cache.keys.owned(file.header.key) { found(owned.urlText) }
    }

    private func isMeant(_ file: ImageFile?) -> Bool {
        // What cannot be read belongs to nobody, and goes with all.
        guard let file else { return selection.scope == .all && selection.minimumAge == nil }
        guard includes(file.header.key) else { return false }
        return selection.includes(cachedAt: file.header.record?.cachedAt ?? file.header.metadata?.cachedAt, at: now)
    }

    /// What was stored under another template is not ours.
    private func includes(_ key: [UInt8]) -> Bool {
        guard let owned = cache.keys.owned(key), owned.kind == .image else { return false }
        return selection.includes(owned.urlText)
    }

    mutating func takeLeases(_ found: (String) -> Void) {
        for name in (try? Files.names(in: folder.leases)) ?? [] {
            guard let digest = KeyDigest(name), let note = cache.tier.leaseNote(digest), includes(note.key) else {
                continue
            }
            if takeLease(digest, of: note.key), let owned = cache.keys.owned(note.key) { found(owned.urlText) }
        }
    }

    /// True for a lease that somebody has, or that tells something.
    @discardableResult
    private mutating func takeLease(_ digest: KeyDigest, of key: [UInt8]) -> Bool {
        guard let note = cache.tier.leaseNote(digest), note.key == key, seen.insert(digest).inserted else {
            return false
        }
        if !isDryRun { try? Files.remove(folder.lease(digest)) }
        guard note.until > now else { return false }
        report.counts[.lease, default: 0] += 1
        return true
    }

    mutating func takeDrafts() {
        for name in (try? Files.names(in: folder.drafts)) ?? [] {
            let path = "\(folder.drafts)/\(name)"
            guard let draft = try? ImageFile.open(path), includes(draft.header.key) else { continue }
            if !isDryRun { try? Files.remove(path) }
            report.counts[.draft, default: 0] += 1
        }
    }
}
