internal import Files
import Glibc
import ProxyCore

/// Writes one image into the embedded store while it comes.
///
/// It grows as a draft, which nobody looks at, and takes its place by a rename, so that nobody ever sees a part of it. The
/// draft is locked as long as its writer lives: one that is not is swept away.
final class FileWriter: CacheWriter {
    private enum State {
        /// What has come, while it may be all there is.
        case holding([UInt8]?)
        case writing(FileDraft)
        case ended
    }

    private let tier: FileTier
    private let key: CacheKey
    private let length: Int?
    private var state = State.holding(nil)
    private var sum = ByteSum()
    private var size = 0

    init(_ tier: FileTier, _ key: CacheKey, length: Int?) {
        self.tier = tier
        self.key = key
        self.length = length
    }

    deinit { discard() }

    func append(_ chunk: [UInt8]) throws(CacheFailure) {
        guard !chunk.isEmpty else { return }
        try discardingOnFailure { () throws(CacheFailure) in
            switch state {
            case .holding(nil): state = .holding(chunk)
            case .holding(let first?):
                let draft = try begin(isHandedOver: length.map { $0 > FileReading.wholeLength } ?? true)
                try add(first, to: draft)
                try add(chunk, to: draft)
            case .writing(let draft): try add(chunk, to: draft)
            case .ended: throw Self.givenUp
            }
        }
    }

    private func begin(isHandedOver: Bool) throws(CacheFailure) -> FileDraft {
        let draft = try tier.write { () throws(FileError) in
            try FileDraft(tier.folder, key, isHandedOver: isHandedOver && tier.folder.isHandedOver)
        }
        state = .writing(draft)
        return draft
    }

    private func add(_ chunk: [UInt8], to draft: FileDraft) throws(CacheFailure) {
        guard chunk.count <= (length ?? .max) - size else {
            throw CacheFailure(reason: "the image is longer than was said")
        }
        sum.add(RawSpan(_elements: chunk.span))
        try tier.write { () throws(FileError) in try draft.write(chunk, at: size) }
        size += chunk.count
    }

    func commit(_ record: ImageRecord, expiry: Duration) throws(CacheFailure) {
        try discardingOnFailure { () throws(CacheFailure) in
            if case .holding(let chunk?) = state {
                try add(chunk, to: try begin(isHandedOver: chunk.count > FileReading.wholeLength))
            }
            guard case .writing(let draft) = state else { throw Self.givenUp }
            try check(record)
            var header = ImageFileHeader(
                key: key.bytes, generation: UInt64.random(in: 0 ... .max),
                expiresAt: tier.clock() &+ Int64(clamping: expiry.wholeMilliseconds))
            header.record = record
            header.sum = sum.value
            header.body = draft.bodyNumber
            try tier.publish(draft, header)
        }
        state = .ended
        tier.makeRoom()
    }

    func discard() {
        if case .writing(let draft) = state { draft.remove() }
        state = .ended
    }

    private static let givenUp = CacheFailure(reason: "there is no image to be written")

    private func check(_ record: ImageRecord) throws(CacheFailure) {
        guard record.size == size, size == length ?? size else {
            throw CacheFailure(reason: "the image has another length than was said")
        }
        guard record.closing(.raw).count <= ImageRecord.tailLength else {
            throw CacheFailure(reason: "the record has too much in it besides the image")
        }
    }

    private func discardingOnFailure(_ body: () throws(CacheFailure) -> Void) throws(CacheFailure) {
        do { try body() } catch {
            discard()
            throw error
        }
    }
}

/// A file that is being written: room for its header, and the image as far as it has come, in a file of its own if it is
/// to be handed over.
struct FileDraft {
    private let folder: FileFolder
    private let file: OpenFile
    private let body: OpenFile?
    private let name: String
    let headerLength: Int
    let digest: KeyDigest
    /// What the name of the image's own file will end with.
    let bodyNumber: UInt64?

    /// Its header has the key alone, by which those who purge know what is being written.
    init(_ folder: FileFolder, _ key: CacheKey, isHandedOver: Bool) throws(FileError) {
        self.folder = folder
        digest = KeyDigest(of: key.bytes)
        let header = ImageFileHeader(key: key.bytes, generation: 0, expiresAt: 0)
        guard let bytes = header.encoded() else { throw FileError("the header has no room", ENAMETOOLONG) }
        headerLength = bytes.count
        name = FileFolder.randomName()
        file = try folder.open(name, in: folder.drafts, isNew: true)
        bodyNumber = isHandedOver ? UInt64.random(in: 0 ... .max) : nil
        let path = "\(folder.drafts)/\(name)"
        do {
            try file.lock(.exclusive)
            try file.write(bytes, at: 0)
            body = isHandedOver ? try Self.makeBody(name, folder) : nil
        } catch {
            try? Files.remove(path)
            throw error
        }
    }

    static let bodySuffix = ".body"

    private static func makeBody(_ name: String, _ folder: FileFolder) throws(FileError) -> OpenFile {
        let body = try folder.open(name + bodySuffix, in: folder.drafts, isNew: true)
        try body.lock(.exclusive)
        try folder.open(toWebServer: body)
        return body
    }

    private var path: String { "\(folder.drafts)/\(name)" }

    /// Writes bytes of the image at their place in it.
    func write(_ bytes: [UInt8], at place: Int) throws(FileError) {
        if let body { try body.write(bytes, at: place) } else { try file.write(bytes, at: headerLength + place) }
    }

    /// Ends it, and puts it in its place.
    func publish(_ header: [UInt8]) throws(FileError) {
        try file.write(header, at: 0)
        guard let bodyNumber else { return try folder.put(path, at: folder.image(digest)) }
        let body = folder.body(digest, bodyNumber)
        try folder.makeFolder(folder.bodies(digest.shard))
        try Files.rename(path + Self.bodySuffix, to: body)
        do { try folder.put(path, at: folder.image(digest)) } catch {
            try? Files.remove(body)
            throw error
        }
    }

    func remove() {
        try? Files.remove(path)
        if bodyNumber != nil { try? Files.remove(path + Self.bodySuffix) }
    }
}

extension FileTier {
    /// Puts an image that is whole in the place of what was there.
    fileprivate func publish(_ draft: FileDraft, _ header: ImageFileHeader) throws(CacheFailure) {
        guard let bytes = header.encoded(), bytes.count == draft.headerLength else {
            throw CacheFailure(reason: "the record has too much in it besides the image")
        }
        let digest = draft.digest
        let isThere = try write { () throws(FileError) in
            try index.withShard(digest.shard) { (shard) throws(FileError) in
                let replaced = replacedBody(digest, shard)
                do throws(FileError) { try draft.publish(bytes) } catch {
                    // Whoever purges an image removes its draft, too: no fault of the folder's.
                    guard error.isMissing else { throw error }
                    return false
                }
                try shard.set(digest, IndexEntry(digest, header, headerLength: bytes.count))
                if let replaced { letGo(digest, replaced) }
                return true
            }
        }
        guard isThere else { throw CacheFailure(reason: "what was written of the image has gone") }
    }
}
