internal import Files
import ProxyCore

/// Reads one image from the embedded store: in one piece where it fits a buffer, else as a stream that is never held.
///
/// What goes out is judged as strictly as what an origin sends: the header, the length, the label and the first bytes, and
/// all of an image against its sum. A damaged file can cut a response, and never ends one that was damaged.
struct FileReading {
    let folder: FileFolder
    let digest: KeyDigest
    let key: CacheKey
    /// Unix milliseconds.
    let now: Int64
    /// Told when an image that has begun to go out is not what was stored.
    let broken: @Sendable (RecordFingerprint) -> Void

    enum Found {
        case image(CachedImage)
        /// Nothing that is of any use by now.
        case expired
        case absent
    }

    /// An image up to this length is read whole and checked whole before any of it goes out.
    static let wholeLength = 128 << 10
    /// A header of usual length.
    private static let headerRoom = 4096

    func open() throws(ImageFile.Failure) -> Found {
        guard
            let found = try ImageFile.open(folder.image(digest), reading: Self.wholeLength + Self.headerRoom),
            // Two keys of one digest take turns.
            found.header.key == key.bytes
        else { return .absent }
        if found.isExpired(at: now) { return .expired }
        guard let record = found.header.record else { return .absent }
        touch(found)
        return .image(try image(found, record))
    }

    private func image(_ found: ImageFile, _ record: ImageRecord) throws(ImageFile.Failure) -> CachedImage {
        let source = try FileSource(found, of: digest, in: folder)
        guard source.length == record.size else { throw .damaged(RecordError.sizeMismatch.rawValue) }
        guard record.size <= Self.wholeLength else { return try stream(source, found, record) }
        let bytes = try source.whole()
        let range = source.isInBeginning ? found.headerLength..<found.headerLength + record.size : bytes.indices
        guard range.upperBound == bytes.count else { throw .damaged(RecordError.sizeMismatch.rawValue) }
        let span = RawSpan(_elements: bytes.span).extracting(range)
        guard ByteSum(of: span).value == found.header.sum else { throw .damaged(Self.wrongSum) }
        return CachedImage(
            type: try type(of: record, beginning: span), record: record,
            fingerprint: found.fingerprint(of: key), body: WholeBody(bytes, range))
    }

    private func stream(
        _ source: FileSource, _ found: ImageFile, _ record: ImageRecord
    ) throws(ImageFile.Failure) -> CachedImage {
        let first = try ImageFile.system { () throws(FileError) in
            try source.file.read(MediaTypeSniffer.longestPrefix, at: source.offset)
        }
        let type = try type(of: record, beginning: RawSpan(_elements: first.span))
        let fingerprint = found.fingerprint(of: key)
        let body = FileBody(
            source, sum: found.header.sum, handedOver: folder.isHandedOver ? handedOver(found) : nil
        ) { [broken] in broken(fingerprint) }
        return CachedImage(type: type, record: record, fingerprint: fingerprint, body: body)
    }

    private func handedOver(_ found: ImageFile) -> String? {
        found.header.body.map { FileFolder.bodyPath(digest, $0) }
    }

    private func type(of record: ImageRecord, beginning: RawSpan) throws(ImageFile.Failure) -> MediaType {
        guard let type = MediaType(of: record, beginning: beginning) else { throw .damaged(RecordReading.notAnImage) }
        return type
    }

    static let wrongSum = "sum"

    /// Notes that it is used, for those who make room: not each time.
    private func touch(_ found: ImageFile) {
        let seconds = found.status.lastUse / 1_000_000_000
        if abs(Int(now / 1000) - seconds) >= Self.touchInterval { found.file.touch() }
    }

    private static let touchInterval = 60
}

/// Where the bytes of an image are.
struct FileSource {
    let file: OpenFile
    let offset: Int
    let length: Int
    /// The whole file, where all of it was read with the header.
    private let beginning: [UInt8]?

    init(_ found: ImageFile, of digest: KeyDigest, in folder: FileFolder) throws(ImageFile.Failure) {
        guard let number = found.header.body else {
            (file, offset, length) = (found.file, found.headerLength, found.bodyLength)
            beginning = found.beginning.count == found.status.size ? found.beginning : nil
            return
        }
        do {
            file = try OpenFile(folder.body(digest, number), .reading)
            length = try file.status().size
        } catch {
            throw error.isMissing || error.isForbidden || error.reach == .file ? .damaged("no-body") : .system(error)
        }
        (offset, beginning) = (0, nil)
    }

    var isInBeginning: Bool { beginning != nil }

    /// All of the file, where it was read already; else the image alone.
    func whole() throws(ImageFile.Failure) -> [UInt8] {
        if let beginning { return beginning }
        return try ImageFile.system { () throws(FileError) in try file.read(length, at: offset) }
    }
}

/// An image that is handed out while it is read.
final class FileBody: CachedBody {
    private let source: FileSource
    private let sum: UInt64
    let handedOver: String?
    private let broken: () -> Void

    private static let pieceLength = 256 << 10

    /// `broken` is told when the bytes are not those that were stored.
    init(_ source: FileSource, sum: UInt64, handedOver: String? = nil, broken: @escaping () -> Void) {
        self.source = source
        self.sum = sum
        self.handedOver = handedOver
        self.broken = broken
    }

    func forEachPiece(
        in range: Range<Int>, _ body: (RawSpan) throws(ProxyError) -> Void
    ) throws(ProxyError) -> Bool {
        let isWhole = range == 0..<source.length
        var sum = ByteSum()
        var buffer = [UInt8](repeating: 0, count: min(range.count, Self.pieceLength))
        var place = range.lowerBound
        while place < range.upperBound {
            let count = min(buffer.count, range.upperBound - place)
            guard let read = try? source.file.read(into: &buffer, at: source.offset + place), read >= count else {
                return false
            }
            let piece = RawSpan(_elements: buffer.span).extracting(first: count)
            place += count
            if isWhole {
                sum.add(piece)
                // The last piece goes when all of it has turned out sound.
                if place == range.upperBound, sum.value != self.sum {
                    broken()
                    return false
                }
            }
            try body(piece)
        }
        return true
    }
}
