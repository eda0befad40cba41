public import Glibc

/// An open file, closed with the last reference.
///
/// Sendable: the descriptor never changes, reads and writes name their place, and the kernel orders them.
public final class OpenFile: Sendable {
    private let descriptor: Int32

    public enum Access: Sendable {
        case reading
        /// Made with these permissions where it is not there.
        case updating(creating: mode_t)
        /// There must be none of that name.
        case creating(mode_t)

        fileprivate var flags: Int32 {
            switch self {
            case .reading: O_RDONLY | O_NOATIME
            case .updating: O_RDWR | O_CREAT
            case .creating: O_RDWR | O_CREAT | O_EXCL
            }
        }

        fileprivate var mode: mode_t {
            switch self {
            case .reading: 0
            case .updating(let mode), .creating(let mode): mode
            }
        }
    }

    /// Follows no symbolic link to it, waits for no other end of a pipe, and is not inherited by other programs.
    ///
    /// Reading leaves the time of its last use as it is: that is `touch`'s alone, so that who only looks at a file does not
    /// seem to use it. On another user's file the kernel allows that to the superuser alone, and the file is read all the same.
    public init(_ path: String, _ access: Access) throws(FileError) {
        let flags = access.flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY
        do {
            descriptor = try uninterrupted("open") { unsafe open(path, flags, access.mode) }
        } catch {
            guard error.code == EPERM, flags & O_NOATIME != 0 else { throw error }
            descriptor = try uninterrupted("open") { unsafe open(path, flags & ~O_NOATIME, access.mode) }
        }
    }

    deinit { close(descriptor) }

    public func status() throws(FileError) -> FileStatus {
        var status = stat()
        _ = try uninterrupted("fstat") { unsafe fstat(descriptor, &status) }
        return FileStatus(status)
    }

    /// All of it, if it is a file that is no longer than `limit`; else nothing. What a file says of its length costs nothing.
    public func readAll(upTo limit: Int) throws(FileError) -> [UInt8] {
        let status = try status()
        return status.isFile && status.size <= limit ? try read(status.size) : []
    }

    /// Up to `count` bytes from `offset` on; fewer only where the file ends.
    public func read(_ count: Int, at offset: Int = 0) throws(FileError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        let read = try read(into: &bytes, at: offset)
        if read < count { bytes.removeLast(count - read) }
        return bytes
    }

    /// Fills `buffer` with what is at `offset`; returns how many bytes it got, fewer only where the file ends.
    public func read(into buffer: inout [UInt8], at offset: Int) throws(FileError) -> Int {
        var count = 0
        while count < buffer.count {
            let result = try uninterrupted("read") { () -> Int in
                unsafe buffer.withUnsafeMutableBytes { buffer in
                    let rest = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[count...])
                    return unsafe pread(descriptor, rest.baseAddress, rest.count, offset + count)
                }
            }
            if result == 0 { break }
            count += result
        }
        return count
    }

    /// Writes all of `bytes` at `offset`.
    public func write(_ bytes: [UInt8], at offset: Int) throws(FileError) {
        var count = 0
        while count < bytes.count {
            count += try uninterrupted("write") { () -> Int in
                unsafe bytes.withUnsafeBytes { bytes in
                    let rest = unsafe UnsafeRawBufferPointer(rebasing: bytes[count...])
                    return unsafe pwrite(descriptor, rest.baseAddress, rest.count, offset + count)
                }
            }
        }
    }

    public func truncate(to length: Int) throws(FileError) {
        _ = try uninterrupted("ftruncate") { ftruncate(descriptor, length) }
    }

    /// Gives it to another user and group.
    public func give(to owner: uid_t, _ group: gid_t) throws(FileError) {
        _ = try uninterrupted("fchown") { fchown(descriptor, owner, group) }
    }

    /// Sets its permissions, whatever the process takes away from those of new files.
    public func setPermissions(_ permissions: mode_t) throws(FileError) {
        _ = try uninterrupted("fchmod") { fchmod(descriptor, permissions) }
    }

    /// Sets the time of its last use to now, and leaves that of its last change as it is.
    public func touch() {
        var times = [timespec(tv_sec: 0, tv_nsec: Int(UTIME_NOW)), timespec(tv_sec: 0, tv_nsec: Int(UTIME_OMIT))]
        _ = unsafe futimens(descriptor, &times)
    }
}

/// Who else may have the file locked at the same time (flock(2)). The kernel ends a lock with the file, and with the
/// process.
public enum FileLock: Sendable {
    case shared, exclusive
}

extension OpenFile {
    /// Locks it, waiting for others.
    public func lock(_ kind: FileLock) throws(FileError) {
        _ = try uninterrupted("flock") { flock(descriptor, kind == .shared ? LOCK_SH : LOCK_EX) }
    }

    /// Locks it for itself alone, if nobody else has it locked now.
    public func tryLock() throws(FileError) -> Bool {
        do {
            _ = try uninterrupted("flock") { flock(descriptor, LOCK_EX | LOCK_NB) }
            return true
        } catch {
            guard error.code == EWOULDBLOCK else { throw error }
            return false
        }
    }
}

/// open(2). glibc's header has it for GNU programs alone.
private let O_NOATIME: Int32 = 0o1000000

private let UTIME_NOW = (1 << 30) - 1
private let UTIME_OMIT = (1 << 30) - 2
