internal import FastCGI
internal import Files
import Glibc
import Logging
import ProxyCore

/// The embedded store as its operator's commands see it.
final class FileOperator: OperatedCache {
    let tier: FileTier
    let keys: CacheKeys
    let configuration: Configuration
    var folder: FileFolder { tier.folder }

    init(_ path: String, _ configuration: Configuration, logger: Logger) {
        self.configuration = configuration
        keys = CacheKeys(configuration.cache)
        tier = FileTier(
            path, configuration.cache, turnstile: Turnstile(limit: 1), metrics: Metrics(), logger: logger)
    }

    func check() throws(CacheFailure) {
        try asking { () throws(FileError) in
            try folder.make()
            try Files.checkWritable(folder.path)
        }
    }

    func statistics(_ supervision: Supervision) throws(CacheFailure) -> OperatorStatistics? {
        // Whatever is in it, this takes milliseconds.
        if supervision.isStopped() { return nil }
        let overview = try tier.overview()
        supervision.advanced(overview.statistics.totalImages, overview.statistics.totalImages)
        return OperatorStatistics(
            cache: overview.statistics, folder: overview.folder,
            hosts: try tier.hostCounts().map { HostCounts($0.host, $0.counts) })
    }

    func state(of urlText: String) throws(CacheFailure) -> CacheState? {
        let key = tier.key(for: urlText)
        guard let found = try open(KeyDigest(of: key.bytes)), found.header.key == key.bytes,
            let record = found.header.record, !found.isExpired(at: tier.clock())
        else { return nil }
        return CacheState(
            isFresh: StoredResponse(record).use(at: tier.clock()) == .fresh, size: record.size,
            fingerprint: found.fingerprint(of: key))
    }

    func asking<Result>(_ body: () throws(FileError) -> Result) throws(CacheFailure) -> Result {
        do { return try body() } catch { throw CacheFailure(reason: "\(error)") }
    }

    /// The file of a digest; nil where there is none, or none that can be read.
    func open(_ digest: KeyDigest) throws(CacheFailure) -> ImageFile? {
        do { return try ImageFile.open(folder.image(digest)) } catch {
            guard case .system(let error) = error else { return nil }
            throw CacheFailure(reason: "\(error)")
        }
    }

    /// What is wrong with an image when all of it is read; nil where nothing is.
    func damage(of found: ImageFile, _ digest: KeyDigest) throws(CacheFailure) -> String? {
        guard KeyDigest(of: found.header.key) == digest else { return Self.foreignKey }
        guard let record = found.header.record else { return nil }
        do throws(ImageFile.Failure) {
            let source = try FileSource(found, of: digest, in: folder)
            guard source.length == record.size else { return RecordError.sizeMismatch.rawValue }
            let first = try ImageFile.system { () throws(FileError) in
                try source.file.read(min(record.size, MediaTypeSniffer.longestPrefix), at: source.offset)
            }
            guard MediaType(of: record, beginning: RawSpan(_elements: first.span)) != nil else {
                return RecordReading.notAnImage
            }
            let body = FileBody(source, sum: found.header.sum) {}
            let isWhole = try? body.forEachPiece(in: 0..<record.size) { (_) throws(ProxyError) in }
            return isWhole == true ? nil : FileReading.wrongSum
        } catch {
            switch error {
            case .damaged(let reason): return reason
            case .system(let error): throw CacheFailure(reason: "\(error)")
            }
        }
    }

    /// A file under a name that is not that of its key.
    static let foreignKey = "foreign-key"

    /// Goes through all files of images. False when it was stopped.
    func forEachImage(
        _ supervision: Supervision, _ body: (KeyDigest) throws(CacheFailure) -> Void
    ) throws(CacheFailure) -> Bool {
        guard try asking({ () throws(FileError) in try folder.isThere() }) else { return true }
        let digests = (0..<FileFolder.shardCount).flatMap { shard in
            ((try? Files.names(in: folder.images(shard))) ?? []).compactMap { KeyDigest($0) }
                .filter { $0.shard == shard }
        }
        for (done, digest) in digests.enumerated() {
            if supervision.isStopped() { return false }
            try body(digest)
            if done % 64 == 0 { supervision.advanced(done, digests.count) }
        }
        supervision.advanced(digests.count, digests.count)
        return true
    }
}

// MARK: - Looking

extension FileOperator {
    func inspect(_ urlText: String) throws(CacheFailure) -> CacheInspection {
        let key = tier.key(for: urlText)
        let digest = KeyDigest(of: key.bytes)
        let now = tier.clock()
        var inspection = CacheInspection(
            urlText: urlText, imageKey: key, metadataKey: configuration.cache.metadataKey.key(for: urlText), time: now)
        inspection.place = "in \(folder.image(digest))"
        inspection.lease = lease(digest, at: now)
        _ = try asking { () throws(FileError) in try folder.isThere() }
        let found: ImageFile?
        do { found = try ImageFile.open(folder.image(digest)) } catch {
            switch error {
            case .system(let error): throw CacheFailure(reason: "\(error)")
            case .damaged(let reason):
                inspection.image = CacheInspection.StoredValue(bytes: length(of: digest), expiresIn: nil)
                inspection.damage = reason
            }
            return inspection
        }
        guard let found, found.header.key == key.bytes, !found.isExpired(at: now) else { return inspection }
        let expiresIn = found.header.expiresAt - now
        if let record = found.header.record {
            let taken = found.status.size.saturatingAdding(found.header.body == nil ? 0 : record.size)
            inspection.image = CacheInspection.StoredValue(bytes: taken, expiresIn: expiresIn)
            inspection.record = record
            inspection.format = .raw
            inspection.damage = try damage(of: found, digest)
            inspection.fitsIntoMemory = configuration.fitsIntoMemory(record)
        }
        if !found.header.metadataText.isEmpty {
            inspection.metadataValue = CacheInspection.StoredValue(
                bytes: found.header.metadataText.count, expiresIn: expiresIn)
            inspection.metadata = found.header.metadata
        }
        return inspection
    }

    private func length(of digest: KeyDigest) -> Int { (try? Files.status(of: folder.image(digest)).size) ?? 0 }

    private func lease(_ digest: KeyDigest, at now: Int64) -> CacheInspection.Lease? {
        guard let note = tier.leaseNote(digest), note.until > now else { return nil }
        return CacheInspection.Lease(verdict: note.verdict, expiresIn: note.until - now)
    }
}
