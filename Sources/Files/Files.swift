public import Glibc

/// What is done to files by their names. No symbolic link is followed at the end of a path.
public enum Files {
    public static func status(of path: String) throws(FileError) -> FileStatus {
        var status = stat()
        _ = try uninterrupted("stat") { unsafe lstat(path, &status) }
        return FileStatus(status)
    }

    /// Gives a file another name, in the place of what had it, at once.
    public static func rename(_ path: String, to name: String) throws(FileError) {
        _ = try uninterrupted("rename") { unsafe Glibc.rename(path, name) }
    }

    /// Removes a file, a link itself, or a folder that is empty.
    public static func remove(_ path: String) throws(FileError) {
        _ = try uninterrupted("remove") { unsafe Glibc.remove(path) }
    }

    /// Makes a folder in one that is there.
    public static func makeFolder(_ path: String, _ permissions: mode_t) throws(FileError) {
        _ = try uninterrupted("mkdir") { unsafe mkdir(path, permissions) }
    }

    public static func give(_ path: String, to owner: uid_t, _ group: gid_t) throws(FileError) {
        _ = try uninterrupted("chown") { unsafe lchown(path, owner, group) }
    }

    /// Sets the permissions of a folder, whatever the process takes away from those of new ones.
    public static func setPermissions(_ path: String, _ permissions: mode_t) throws(FileError) {
        _ = try uninterrupted("chmod") { unsafe chmod(path, permissions) }
    }

    /// Throws where a file could not be made in the folder: by its permissions, or because nothing can be written there.
    public static func checkWritable(_ folder: String) throws(FileError) {
        _ = try uninterrupted("access") { unsafe faccessat(AT_FDCWD, folder, W_OK | X_OK, AT_EACCESS) }
    }

    /// Bytes that this process may still write where the folder is.
    public static func freeBytes(of folder: String) throws(FileError) -> Int {
        var status = statvfs()
        _ = try uninterrupted("statvfs") { unsafe statvfs(folder, &status) }
        let (bytes, overflow) = Int(clamping: status.f_bavail).multipliedReportingOverflow(by: Int(status.f_frsize))
        return overflow ? .max : bytes
    }

    /// The names of what is in a folder, in no order.
    public static func names(in folder: String) throws(FileError) -> [String] {
        guard let stream = unsafe opendir(folder) else { throw .last("opendir") }
        defer { unsafe closedir(stream) }
        var names: [String] = []
        errno = 0
        while let entry = unsafe readdir(stream) {
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                unsafe pointer.withMemoryRebound(to: CChar.self, capacity: Int(NAME_MAX) + 1) {
                    unsafe String(cString: $0)
                }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        guard errno == 0 else { throw .last("readdir") }
        return names
    }
}
