internal import Files
import ProxyCore

/// What an index has of one file.
struct IndexEntry: Equatable, Sendable {
    let digest: KeyDigest
    /// Bytes of the image.
    var size = 0
    /// Bytes on the disk.
    var taken = 0
    /// Unix milliseconds.
    var cachedAt: Int64 = 0
    var expiresAt: Int64 = 0
    var kind: Kind = []
    /// Nil is another type than those that are served.
    var type: MediaType?

    struct Kind: OptionSet, Sendable {
        let rawValue: UInt8
        /// There is something, whatever it is.
        static let file = Kind(rawValue: 1)
        static let image = Kind(rawValue: 2)
        static let metadata = Kind(rawValue: 4)
        /// The image's bytes are in a file of their own.
        static let body = Kind(rawValue: 8)
    }

    /// In the order of their numbers, which are written down.
    private static let types: [MediaType] = [.png, .jpeg, .gif, .webp, .avif, .heic, .bmp, .ico, .tiff, .svg, .jxl]

    /// For a file with this header.
    init(_ digest: KeyDigest, _ header: ImageFileHeader, headerLength: Int) {
        self.digest = digest
        kind = .file
        expiresAt = header.expiresAt
        taken = Self.blocks(headerLength)
        if !header.metadataText.isEmpty { kind.insert(.metadata) }
        guard let record = header.record else { return }
        kind.insert(.image)
        size = record.size
        cachedAt = record.cachedAt
        type = MediaType(label: record.contentType)
        if header.body == nil {
            taken = Self.blocks(headerLength + size)
        } else {
            kind.insert(.body)
            taken += Self.blocks(size)
        }
    }

    /// For a file that was found; one that cannot be read takes its place up, and no more.
    init(_ digest: KeyDigest, _ file: ImageFile?, in folder: FileFolder) {
        if let file {
            self.init(digest, file.header, headerLength: file.headerLength)
        } else {
            self.init(digest, unreadable: (try? Files.status(of: folder.image(digest)).size) ?? 0)
        }
    }

    private init(_ digest: KeyDigest, unreadable count: Int) {
        self.digest = digest
        kind = .file
        taken = Self.blocks(count)
    }

    func isExpired(at now: Int64) -> Bool { expiresAt <= now }

    /// What a file of so many bytes takes up on nearly every disk; of one that says that it is longer than any can be, the
    /// most that there is.
    static func blocks(_ count: Int) -> Int { (min(max(count, 1), most) + 4095) / 4096 * 4096 }

    /// The longest image and the latest time that JSON can say of one.
    private static let most = 1 << 53

    /// Whether it can be true, in the index of this folder.
    fileprivate func isPlausible(in shard: Int) -> Bool {
        digest.shard == shard
            && [size, taken, Int(cachedAt), Int(expiresAt)].allSatisfy { (0...Self.most).contains($0) }
    }
}

// MARK: - As bytes

extension IndexEntry {
    static func isFree(_ bytes: [UInt8], at place: Int) -> Bool { bytes[place + IndexText.kindPlace] == 0 }

    init(_ bytes: [UInt8], at place: Int) {
        digest = KeyDigest(high: IndexText.word(bytes, place), low: IndexText.word(bytes, place + 8))
        size = Int(truncatingIfNeeded: IndexText.word(bytes, place + 16))
        taken = Int(truncatingIfNeeded: IndexText.word(bytes, place + 24))
        cachedAt = Int64(bitPattern: IndexText.word(bytes, place + 32))
        expiresAt = Int64(bitPattern: IndexText.word(bytes, place + 40))
        kind = Kind(rawValue: bytes[place + IndexText.kindPlace])
        let number = Int(bytes[place + IndexText.kindPlace + 1])
        type = Self.types.indices.contains(number) ? Self.types[number] : nil
    }

    var encoded: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(IndexText.length)
        for word in [
            digest.high, digest.low, UInt64(size), UInt64(taken), UInt64(bitPattern: cachedAt),
            UInt64(bitPattern: expiresAt),
        ] {
            bytes += IndexText.bytes(word)
        }
        bytes += [kind.rawValue, type.flatMap { Self.types.firstIndex(of: $0) }.map { UInt8($0) } ?? .max]
        return bytes + [UInt8](repeating: 0, count: IndexText.length - bytes.count)
    }
}

/// How an index is laid out: a head, and entries of the same length, some of them free.
enum IndexText {
    static let mark = Array("imgidx1\n".utf8)
    static let length = 64
    static let wordLength = 8
    /// The longest that is read: of a million files in one folder.
    static let longest = 64 << 20
    static let kindPlace = 48

    static func head(changedAt time: Int) -> [UInt8] {
        let head = mark + bytes(UInt64(bitPattern: Int64(time)))
        return head + [UInt8](repeating: 0, count: length - head.count)
    }

    /// Whether every entry can be true, in the index of this folder.
    static func isPlausible(_ bytes: [UInt8], in shard: Int) -> Bool {
        places(bytes).allSatisfy {
            IndexEntry.isFree(bytes, at: $0) || IndexEntry(bytes, at: $0).isPlausible(in: shard)
        }
    }

    static func places(_ bytes: [UInt8]) -> StrideTo<Int> { stride(from: length, to: bytes.count, by: length) }

    static func entries(_ bytes: [UInt8]) -> [IndexEntry] {
        places(bytes).filter { !IndexEntry.isFree(bytes, at: $0) }.map { IndexEntry(bytes, at: $0) }
    }

    /// Little-endian.
    static func word(_ bytes: [UInt8], _ place: Int) -> UInt64 {
        precondition(place >= 0 && place + wordLength <= bytes.count, "a word of an index is within it")
        return UInt64(
            littleEndian: unsafe bytes.withUnsafeBytes {
                unsafe $0.loadUnaligned(fromByteOffset: place, as: UInt64.self)
            })
    }

    static func bytes(_ word: UInt64) -> [UInt8] { (0..<8).map { UInt8(truncatingIfNeeded: word >> UInt64($0 * 8)) } }
}
