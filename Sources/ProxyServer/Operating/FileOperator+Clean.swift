internal import Files
import ProxyCore

extension FileOperator {
    func clean(isDryRun: Bool, _ supervision: Supervision) throws(CacheFailure) -> CleanReport {
        var cleaning = FileCleaning(cache: self, isDryRun: isDryRun)
        cleaning.report.isComplete = try forEachImage(supervision) { (digest) throws(CacheFailure) in
            try cleaning.lookAtImage(digest)
        }
        if cleaning.report.isComplete {
            cleaning.lookAtTheRest()
            cleaning.lookAtBodies()
        }
        return cleaning.report
    }
}

private struct FileCleaning {
    let cache: FileOperator
    let isDryRun: Bool
    var report = CleanReport()
    private let now: Int64
    private var folder: FileFolder { cache.folder }

    init(cache: FileOperator, isDryRun: Bool) {
        self.cache = cache
        self.isDryRun = isDryRun
        now = cache.tier.clock()
    }

    mutating func lookAtImage(_ digest: KeyDigest) throws(CacheFailure) {
        report.checked += 1
        guard let waste = try waste(at: digest) else { return }
        let length = (try? Files.status(of: folder.image(digest)).size) ?? 0
        if !isDryRun {
            // Once more, with the folder locked: what has come in its place meanwhile is another.
            let removed = try cache.asking { () throws(FileError) in
                try cache.tier.removeFile(digest) { _ in (try? self.waste(at: digest)) == waste }
            }
            guard removed != nil else { return }
        }
        // That is what happens to everything in the end.
        guard waste != .expired else { return }
        take(waste.kind, length)
    }

    /// Why a file is of no use.
    private enum Finding: Equatable {
        case expired
        case waste(Waste)

        var kind: Waste { if case .waste(let waste) = self { waste } else { .damaged } }
    }

    private func waste(at digest: KeyDigest) throws(CacheFailure) -> Finding? {
        let found: ImageFile?
        do { found = try ImageFile.open(folder.image(digest)) } catch {
            switch error {
            case .damaged(let reason): return .waste(reason == ImageFile.damagedHeader ? .damaged : .foreign)
            case .system(let error): throw CacheFailure(reason: "\(error)")
            }
        }
        guard let found else { return nil }
        if found.isExpired(at: now) { return .expired }
        if let reason = try cache.damage(of: found, digest) {
            return .waste(reason == FileOperator.foreignKey ? .foreign : Waste(damage: reason))
        }
        guard !found.header.metadataText.isEmpty else { return nil }
        guard let metadata = found.header.metadata else { return .waste(.damaged) }
        let isOrphan = found.header.record == nil && cache.configuration.hasOutlivedItsImage(metadata, at: now)
        return isOrphan ? .waste(.orphan) : nil
    }

    mutating func lookAtTheRest() {
        for name in (try? Files.names(in: folder.drafts)) ?? [] {
            report.checked += 1
            if let length = cache.tier.removeDraft(name, isDryRun: isDryRun) { take(.draft, length) }
        }
        for name in (try? Files.names(in: folder.leases)) ?? [] {
            report.checked += 1
            if let length = cache.tier.removeLease(name, isDryRun: isDryRun) { take(.lease, length) }
        }
    }

    mutating func lookAtBodies() {
        for shard in 0..<FileFolder.shardCount {
            for name in (try? Files.names(in: folder.bodies(shard))) ?? [] {
                report.checked += 1
                if let length = cache.tier.removeOrphanedBody(name, isDryRun: isDryRun) { take(.orphan, length) }
            }
        }
        if !isDryRun { cache.tier.sweepBodies() }
    }

    private mutating func take(_ waste: Waste, _ bytes: Int) {
        report.found[waste, default: 0] += 1
        report.bytes = report.bytes.saturatingAdding(bytes)
    }
}
