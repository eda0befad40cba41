public import Glibc

/// What the system knows of a file.
public struct FileStatus: Sendable {
    public let isFile: Bool
    public let isFolder: Bool
    /// Bytes.
    public let size: Int
    public let permissions: mode_t
    public let owner: uid_t
    public let group: gid_t
    /// Which file it is, whatever its name.
    public let identity: UInt64
    /// Nanoseconds since 1970.
    public let lastUse: Int
    public let lastChange: Int

    init(_ status: stat) {
        isFile = status.st_mode & S_IFMT == S_IFREG
        isFolder = status.st_mode & S_IFMT == S_IFDIR
        size = status.st_size
        permissions = status.st_mode & 0o7777
        owner = status.st_uid
        group = status.st_gid
        identity = UInt64(status.st_ino)
        lastUse = Self.nanoseconds(status.st_atim)
        lastChange = Self.nanoseconds(status.st_mtim)
    }

    /// A file may have any time: one that has no number here is the nearest that has (1677 or 2262).
    private static func nanoseconds(_ time: timespec) -> Int {
        let (seconds, isFar) = time.tv_sec.multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, isTooFar) = seconds.addingReportingOverflow(time.tv_nsec)
        guard !isFar, !isTooFar else { return time.tv_sec < 0 ? .min : .max }
        return sum
    }
}
