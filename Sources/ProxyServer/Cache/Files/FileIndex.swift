internal import Files
import Glibc
import ProxyCore

/// What is in each folder of images, in 64 bytes for an image: so the statistics are exact, and room can be made, without
/// opening a hundred thousand files.
///
/// Each folder has an index of its own, and whoever changes anything in the folder has the index locked meanwhile. The
/// index remembers when the folder was last changed by one who did: another time says that somebody was killed in between, or
/// that files were removed by hand, and the index is made anew from the files. How many bytes each folder takes up stands
/// in one small file for all.
struct FileIndex: Sendable {
    let folder: FileFolder

    /// The bytes that each folder takes up on the disk, as far as anybody has noted that.
    func usage() throws(FileError) -> [Int] {
        let length = FileFolder.shardCount * IndexText.wordLength
        let bytes = (try? OpenFile(FileShard.usagePath(folder), .reading).read(length)) ?? []
        var usage: [Int] = []
        for shard in 0..<FileFolder.shardCount {
            let place = shard * IndexText.wordLength
            let noted = place + IndexText.wordLength <= bytes.count ? IndexText.word(bytes, place) : 0
            // Nothing there, or nobody has written it down.
            usage.append(noted == 0 ? try entries(of: shard).saturatingSum(\.taken) : Int(clamping: noted))
        }
        return usage
    }

    /// What is in a folder now.
    func entries(of shard: Int) throws(FileError) -> [IndexEntry] {
        do {
            let file = try OpenFile(FileShard.path(shard, folder), .reading)
            try file.lock(.shared)
            let bytes = try file.readAll(upTo: IndexText.longest)
            if FileShard.isCurrent(bytes, shard, folder) { return IndexText.entries(bytes) }
        } catch {
            // A folder without an index was not made by us; one that is not there is empty.
            guard (try? Files.status(of: folder.images(shard))) != nil else { return [] }
        }
        return try withShard(shard) { (shard) throws(FileError) in shard.entries }
    }

    /// Changes something in a folder, alone among all processes.
    func withShard<Result>(
        _ number: Int, _ body: (inout FileShard) throws(FileError) -> Result
    ) throws(FileError) -> Result {
        var shard = try FileShard(locking: number, in: folder)
        do {
            let result = try body(&shard)
            try shard.end()
            return result
        } catch {
            try? shard.end()
            throw error
        }
    }
}

/// One folder of images whose index is locked: nobody else changes anything there.
struct FileShard {
    private let number: Int
    private let folder: FileFolder
    private let index: OpenFile
    private var bytes: [UInt8]
    private var hasChanged = false

    init(locking number: Int, in folder: FileFolder) throws(FileError) {
        self.number = number
        self.folder = folder
        index = try folder.open(Self.indexName, in: folder.images(number))
        try index.lock(.exclusive)
        bytes = try index.readAll(upTo: IndexText.longest)
        if !Self.isCurrent(bytes, number, folder) { try rebuild() }
    }

    static let indexName = "index"

    static func path(_ number: Int, _ folder: FileFolder) -> String { "\(folder.images(number))/\(indexName)" }

    /// Whether nobody has changed the folder since these bytes were its index.
    static func isCurrent(_ bytes: [UInt8], _ number: Int, _ folder: FileFolder) -> Bool {
        guard bytes.count >= IndexText.length, bytes.count % IndexText.length == 0, bytes.starts(with: IndexText.mark),
            let status = try? Files.status(of: folder.images(number))
        else { return false }
        return IndexText.word(bytes, IndexText.mark.count) == UInt64(bitPattern: Int64(status.lastChange))
            && IndexText.isPlausible(bytes, in: number)
    }

    static let usageName = "usage"

    static func usagePath(_ folder: FileFolder) -> String { "\(folder.path)/\(usageName)" }

    var entries: [IndexEntry] { IndexText.entries(bytes) }

    func entry(of digest: KeyDigest) -> IndexEntry? { place(of: digest).map { IndexEntry(bytes, at: $0) } }

    /// Notes what there is of a digest now; nil is nothing.
    mutating func set(_ digest: KeyDigest, _ entry: IndexEntry?) throws(FileError) {
        hasChanged = true
        let place: Int
        if let known = self.place(of: digest) {
            place = known
        } else {
            guard entry != nil else { return }
            place = freePlace
        }
        let text = entry?.encoded ?? [UInt8](repeating: 0, count: IndexText.length)
        if place == bytes.count { bytes += text } else { bytes.replaceSubrange(place..<place + text.count, with: text) }
        try index.write(text, at: place)
    }

    private func place(of digest: KeyDigest) -> Int? {
        IndexText.places(bytes).first {
            IndexText.word(bytes, $0) == digest.high && IndexText.word(bytes, $0 + IndexText.wordLength) == digest.low
        }
    }

    private var freePlace: Int { IndexText.places(bytes).first { IndexEntry.isFree(bytes, at: $0) } ?? bytes.count }

    /// Notes that the folder is as the index says, and how much is in it.
    fileprivate mutating func end() throws(FileError) {
        guard hasChanged else { return }
        let time = try Files.status(of: folder.images(number)).lastChange
        let head = IndexText.head(changedAt: time)
        bytes.replaceSubrange(0..<head.count, with: head)
        try index.write(head, at: 0)
        let usage = try folder.open(Self.usageName, in: folder.path)
        let sum = UInt64(entries.saturatingSum(\.taken))
        try usage.write(IndexText.bytes(sum), at: number * IndexText.wordLength)
    }

    /// Has the usage of this folder noted once more.
    mutating func noteUsage() { hasChanged = true }

    /// Makes the index from the files.
    private mutating func rebuild() throws(FileError) {
        bytes = IndexText.head(changedAt: 0)
        for name in try Files.names(in: folder.images(number)) {
            guard let digest = KeyDigest(name), digest.shard == number else { continue }
            bytes += IndexEntry(digest, try? ImageFile.open(folder.image(digest)), in: folder).encoded
        }
        try index.truncate(to: 0)
        try index.write(bytes, at: 0)
        hasChanged = true
    }
}
