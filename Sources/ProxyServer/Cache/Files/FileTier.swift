internal import Files
import FastCGI
import Glibc
import Logging
import ProxyCore
import Synchronization

/// Images in a folder, for sites that have no Redis: the embedded store. One file an image, with its record and metadata;
/// any number of processes use it at the same time. `FileFolder` says what is where.
///
/// Nothing on a request's path waits for a disk to have written anything. What a crash tears is found by its length or
/// sum, and is a miss.
///
/// Sendable: what changes in it is behind locks; what processes share is ordered by locks on files.
final class FileTier: SharedTier {
    let folder: FileFolder
    let index: FileIndex
    let health: FileHealth
    let settings: Configuration.Cache
    let turnstile: Turnstile
    let metrics: Metrics
    let clock: WallClock
    /// The fetches that this process has leases on.
    let held = Mutex<[FetchToken: HeldLease]>([:])
    let nextSweep = Mutex<ContinuousClock.Instant?>(nil)

    init(
        _ path: String, _ settings: Configuration.Cache, turnstile: Turnstile, metrics: Metrics, logger: Logger,
        clock: @escaping WallClock = systemClock
    ) {
        let folder = FileFolder(path, isHandedOver: settings.handover != nil)
        self.folder = folder
        self.settings = settings
        self.turnstile = turnstile
        self.metrics = metrics
        self.clock = clock
        index = FileIndex(folder: folder)
        health = FileHealth(logger: logger) { () throws(FileError) in try Self.probe(folder) }
    }

    /// Writes a block, as the next image would, and removes it.
    private static func probe(_ folder: FileFolder) throws(FileError) {
        let name = FileFolder.randomName()
        let file = try folder.open(name, in: folder.drafts, isNew: true)
        defer { try? Files.remove("\(folder.drafts)/\(name)") }
        try file.write([UInt8](repeating: 0, count: 4096), at: 0)
    }

    /// Whether images can be stored, as far as that can be seen without storing one.
    var isAvailable: Bool {
        guard health.permitsWrites() else { return false }
        do throws(FileError) { try checkFolder() } catch {
            health.failed(error)
            return false
        }
        return true
    }

    private func checkFolder() throws(FileError) {
        do throws(FileError) {
            if try folder.isThere() { return try Files.checkWritable(folder.path) }
        } catch {
            guard error.isMissing else { throw error }
        }
        // It was removed, or is only to be.
        try folder.make()
    }

    func key(for urlText: String) -> CacheKey { settings.imageKey.key(for: urlText) }

    func lookup(_ key: CacheKey) -> CacheLookup {
        let digest = KeyDigest(of: key.bytes)
        let reading = FileReading(folder: folder, digest: digest, key: key, now: clock()) { [self] fingerprint in
            removeBroken(digest, key, fingerprint)
        }
        do {
            guard try ImageFile.system({ () throws(FileError) in try folder.isThere() }) else { return .absent }
            switch try turnstile.waitingBriefly({ () throws(ImageFile.Failure) in try whole(reading) }) {
            case .image(let image): return .hit(image)
            case .absent: return .absent
            case .expired:
                removeExpired(reading.digest)
                return .absent
            }
        } catch {
            return failed(error)
        }
    }

    /// A header that is torn may be one that is being written: one who writes has the folder locked.
    private func whole(_ reading: FileReading) throws(ImageFile.Failure) -> FileReading.Found {
        do { return try reading.open() } catch {
            guard case .damaged = error else { throw error }
            let index = try? OpenFile(FileShard.path(reading.digest.shard, folder), .reading)
            try? index?.lock(.shared)
            return try withExtendedLifetime(index) { () throws(ImageFile.Failure) in try reading.open() }
        }
    }

    private func failed(_ failure: ImageFile.Failure) -> CacheLookup {
        switch failure {
        case .damaged(let reason):
            // Where nothing at all can be read, it is not the file's fault.
            guard reason == ImageFile.notReadable else { return .damaged(reason: reason) }
            do { try Files.checkWritable(folder.path) } catch { return unavailable(error) }
            return .damaged(reason: reason)
        case .system(let error): return unavailable(error)
        }
    }

    private func unavailable(_ error: FileError) -> CacheLookup {
        metrics.cacheFailures.add()
        health.failed(error)
        return .unavailable
    }

    func fingerprint(of key: CacheKey) -> RecordFingerprint? {
        do {
            guard let found = try ImageFile.open(folder.image(KeyDigest(of: key.bytes))),
                found.header.key == key.bytes, !found.isExpired(at: clock())
            else { return RecordFingerprint(key: key, tail: [], length: -1) }
            return found.fingerprint(of: key)
        } catch {
            guard case .system(let error) = error else { return RecordFingerprint(key: key, tail: [], length: -1) }
            health.failed(error)
            return nil
        }
    }

    func makeWriter(for urlText: String, length: Int?) -> any CacheWriter {
        FileWriter(self, key(for: urlText), length: length)
    }

    /// Changes something in the folder, where it can be written to.
    func write<Result>(_ body: () throws(FileError) -> Result) throws(CacheFailure) -> Result {
        guard health.permitsWrites() else { throw CacheFailure(reason: "the cache's folder cannot be written to") }
        do { return try body() } catch {
            metrics.cacheFailures.add()
            health.failed(error)
            throw CacheFailure(reason: "\(error)")
        }
    }
}

// MARK: - Changes

extension FileTier {
    func remove(_ urlText: String) {
        let key = key(for: urlText)
        _ = try? write { () throws(FileError) in
            try removeFile(KeyDigest(of: key.bytes)) { $0.map { $0.header.key == key.bytes } ?? true }
        }
    }

    private func removeExpired(_ digest: KeyDigest) {
        let now = clock()
        _ = try? write { () throws(FileError) in try removeFile(digest) { $0?.isExpired(at: now) ?? false } }
    }

    /// Nobody is to get the same again.
    private func removeBroken(_ digest: KeyDigest, _ key: CacheKey, _ fingerprint: RecordFingerprint) {
        metrics.damagedRecords.add()
        _ = try? write { () throws(FileError) in
            try removeFile(digest) { $0?.fingerprint(of: key) == fingerprint }
        }
    }

    /// Removes the file of a digest, with all that is in it, if `condition` holds for what is there by then; nil is a file
    /// that cannot be read. What was removed; nil where nothing was.
    @discardableResult
    func removeFile(_ digest: KeyDigest, if condition: (ImageFile?) -> Bool) throws(FileError) -> IndexEntry? {
        // Nothing is made only to find that there is nothing.
        do { _ = try Files.status(of: folder.image(digest)) } catch {
            if error.isMissing { return nil }
            throw error
        }
        return try index.withShard(digest.shard) { (shard) throws(FileError) in
            try remove(digest, from: &shard, if: condition)
        }
    }

    func remove(
        _ digest: KeyDigest, from shard: inout FileShard, if condition: (ImageFile?) -> Bool
    ) throws(FileError) -> IndexEntry? {
        let found = try? ImageFile.open(folder.image(digest))
        guard condition(found) else { return nil }
        do { try Files.remove(folder.image(digest)) } catch {
            if error.isMissing {
                try shard.set(digest, nil)
                return nil
            }
            throw error
        }
        try shard.set(digest, nil)
        if let number = found?.header.body { letGo(digest, number) }
        return IndexEntry(digest, found, in: folder)
    }

    func storeMetadata(_ metadata: ImageMetadata, of urlText: String) throws(CacheFailure) {
        let key = key(for: urlText)
        let digest = KeyDigest(of: key.bytes)
        let now = clock()
        try write { () throws(FileError) in
            try index.withShard(digest.shard) { (shard) throws(FileError) in
                if let found = try? ImageFile.open(folder.image(digest)), found.header.key == key.bytes,
                    !found.isExpired(at: now)
                {
                    var header = found.header
                    header.metadataText = metadata.encoded()
                    try overwrite(found, header, digest, &shard)
                } else {
                    try storeAlone(metadata, key, digest, &shard)
                }
            }
        }
    }

    /// Metadata of an image that is not kept.
    private func storeAlone(
        _ metadata: ImageMetadata, _ key: CacheKey, _ digest: KeyDigest, _ shard: inout FileShard
    ) throws(FileError) {
        let header = ImageFileHeader(
            key: key.bytes, generation: UInt64.random(in: 0 ... .max),
            expiresAt: clock() &+ Int64(clamping: settings.metadataTTL.wholeMilliseconds),
            metadataText: metadata.encoded())
        guard let bytes = header.encoded() else { throw FileError("the header has no room", ENAMETOOLONG) }
        let replaced = replacedBody(digest, shard)
        try folder.replace(folder.image(digest), with: bytes)
        try shard.set(digest, IndexEntry(digest, header, headerLength: bytes.count))
        if let replaced { letGo(digest, replaced) }
    }

    /// Writes the header of an image anew and leaves its bytes where they are.
    func renewed(
        _ fingerprint: RecordFingerprint, as record: ImageRecord, expiry: Duration, _ key: CacheKey
    ) throws(CacheFailure) -> RecordFingerprint? {
        let digest = KeyDigest(of: key.bytes)
        return try write { () throws(FileError) in
            try index.withShard(digest.shard) { (shard) throws(FileError) in
                guard let found = try? ImageFile.open(folder.image(digest)), found.header.key == key.bytes,
                    found.fingerprint(of: key) == fingerprint, found.header.record?.size == record.size
                else { return nil }
                var header = found.header
                header.record = record
                header.generation = UInt64.random(in: 0 ... .max)
                header.expiresAt = clock() &+ Int64(clamping: expiry.wholeMilliseconds)
                try overwrite(found, header, digest, &shard)
                return RecordFingerprint(key, header)
            }
        }
    }

    /// In the same place: readers know by the sum when they have read half of it, and wait until the folder is free.
    private func overwrite(
        _ found: ImageFile, _ header: ImageFileHeader, _ digest: KeyDigest, _ shard: inout FileShard
    ) throws(FileError) {
        guard let bytes = header.encoded(), bytes.count == found.headerLength else {
            throw FileError("the header has no room", ENAMETOOLONG)
        }
        try folder.open(digest.text, in: folder.images(digest.shard)).write(bytes, at: 0)
        try shard.set(digest, IndexEntry(digest, header, headerLength: bytes.count))
    }
}
