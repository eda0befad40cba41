internal import Files
import Glibc
import ProxyCore

/// A file of the embedded store that is open, and what it begins with.
struct ImageFile {
    let file: OpenFile
    let status: FileStatus
    let header: ImageFileHeader
    let headerLength: Int
    /// The first bytes of the file: the header, and what was read with it.
    let beginning: [UInt8]

    enum Failure: Error {
        case system(FileError)
        case damaged(String)
    }

    /// The damage of a header that is none of ours, or was torn.
    static let damagedHeader = "header"
    /// That of a file of somebody else, or in a folder that cannot be passed through.
    static let notReadable = "not-readable"
    /// Enough for nearly every header.
    private static let usualLength = 4096

    /// Nil where there is none. So many bytes of it are read at once, or all of it.
    static func open(_ path: String, reading length: Int = usualLength) throws(Failure) -> ImageFile? {
        let file: OpenFile
        do { file = try OpenFile(path, .reading) } catch {
            if error.isMissing { return nil }
            if error.isForbidden { throw .damaged(notReadable) }
            throw error.reach == .file ? .damaged("not-a-file") : .system(error)
        }
        let status = try system { () throws(FileError) in try file.status() }
        guard status.isFile else { throw .damaged("not-a-file") }
        for length in [length, ImageFileHeader.longestLength] {
            let beginning = try system { () throws(FileError) in try file.read(min(status.size, length)) }
            if let located = ImageFileHeader.parse(beginning.span) {
                return ImageFile(
                    file: file, status: status, header: located.header, headerLength: located.length,
                    beginning: beginning)
            }
            if beginning.count == status.size { break }
        }
        throw .damaged(damagedHeader)
    }

    static func system<Result>(_ body: () throws(FileError) -> Result) throws(Failure) -> Result {
        do { return try body() } catch { throw .system(error) }
    }

    /// Bytes of the image behind the header.
    var bodyLength: Int { status.size - headerLength }

    func isExpired(at now: Int64) -> Bool { header.expiresAt <= now }

    func fingerprint(of key: CacheKey) -> RecordFingerprint { RecordFingerprint(key, header) }
}

extension RecordFingerprint {
    init(_ key: CacheKey, _ header: ImageFileHeader) {
        let tail = (0..<8).map { UInt8(truncatingIfNeeded: header.generation >> UInt64($0 * 8)) }
        self.init(key: key, tail: tail, length: header.record?.size ?? -1)
    }
}
