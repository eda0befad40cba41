internal import Files
import Glibc
import ProxyCore
import Synchronization

/// The folder of the embedded store, and where in it everything is:
///
///     images/5f/5f0c...   an image with its record and metadata; `ImageFileHeader`
///     images/5f/index     what is in that folder, in a few bytes for each; `FileIndex`
///     bodies/5f/5f0c...   the bytes of an image that the web server may send itself; `Handover`
///     removed/            names of those that have gone, and go a little later: web servers may just have been told of them
///     usage               how many bytes each folder takes up
///     drafts/             images that are being written, locked by those who write them
///     leases/             who fetches what; locked by those who fetch
///     counts/             what each host has counted
///
/// It is private: whoever could write to it could have any image served. It is made when the first image is stored, and
/// made again when it has vanished.
///
/// Sendable: what was found out about the folder is behind a lock.
final class FileFolder: Sendable {
    let path: String
    /// Whether the web server sends images itself. It is in the folder's group, and may read their bytes.
    let isHandedOver: Bool
    private let owner = Mutex<Owner?>(nil)

    private struct Owner {
        let user: uid_t
        let group: gid_t
    }

    /// In how many folders images are spread.
    static let shardCount = 256

    init(_ path: String, isHandedOver: Bool = false) {
        self.path = path
        self.isHandedOver = isHandedOver
    }

    private static let folderMode: mode_t = 0o700
    private static let fileMode: mode_t = 0o600
    /// For the web server: it may pass through folders, and read what it is told the name of.
    private static let passableMode: mode_t = 0o710
    private static let readableMode: mode_t = 0o640

    /// Whether it is there. Throws when it is not safe to use.
    func isThere() throws(FileError) -> Bool {
        if owner.withLock({ $0 != nil }) { return true }
        do { try judge(Files.status(of: path)) } catch {
            if error.code == ENOENT { return false }
            throw error
        }
        return true
    }

    /// Sees to it that it is there.
    func make() throws(FileError) {
        do { try judge(Files.status(of: path)) } catch {
            guard error.code == ENOENT else { throw error }
            do { try make(path) } catch { if error.code != EEXIST { throw error } }
            try judge(Files.status(of: path))
        }
    }

    private func judge(_ status: FileStatus) throws(FileError) {
        guard status.isFolder else { throw FileError("\(path) is no folder", ENOTDIR) }
        guard status.permissions & S_IWOTH == 0 else {
            throw FileError("\(path) can be written to by everybody", EPERM)
        }
        owner.withLock { $0 = Owner(user: status.owner, group: status.group) }
    }

    /// Opens a file of ours for writing, in a folder that is made where it is missing. What else has the name of either, such
    /// as a link or a pipe, is removed: nothing is ever written to where it leads.
    func open(_ name: String, in folder: String, isNew: Bool = false) throws(FileError) -> OpenFile {
        let access: OpenFile.Access = isNew ? .creating(Self.fileMode) : .updating(creating: Self.fileMode)
        _ = try isThere()
        if try !isFolder(folder) { try makeFolder(folder) }
        let file: OpenFile
        do { file = try openFile("\(folder)/\(name)", access) } catch {
            // It has vanished meanwhile.
            guard error.isMissing else { throw error }
            try makeFolder(folder)
            file = try openFile("\(folder)/\(name)", access)
        }
        // What the superuser's commands make is for the server to use.
        if geteuid() == 0, let owner = owner.withLock({ $0 }), owner.user != 0 {
            try file.give(to: owner.user, owner.group)
        }
        return file
    }

    private func openFile(_ path: String, _ access: OpenFile.Access) throws(FileError) -> OpenFile {
        do {
            let file = try OpenFile(path, access)
            if try file.status().isFile { return file }
        } catch {
            // What is of another user, or no file, goes; a new file does not take the place of another.
            guard error.isForbidden || error.reach == .file && error.code != EEXIST, (try? Files.remove(path)) != nil
            else { throw error }
            return try OpenFile(path, access)
        }
        try Files.remove(path)
        return try OpenFile(path, access)
    }

    /// Whether a folder of ours and all above it are there, and none is a link.
    private func isFolder(_ folder: String) throws(FileError) -> Bool {
        var folder = folder[...]
        while folder.utf8.count >= path.utf8.count {
            do { guard try Files.status(of: String(folder)).isFolder else { return false } } catch {
                guard error.isMissing else { throw error }
                return false
            }
            folder = folder[..<(folder.lastIndex(of: "/") ?? folder.startIndex)]
        }
        return true
    }

    /// Puts a small file in the place of what had its name, at once.
    func replace(_ path: String, with bytes: [UInt8]) throws(FileError) {
        let name = Self.randomName()
        let file = try open(name, in: drafts, isNew: true)
        do {
            try file.write(bytes, at: 0)
            try put("\(drafts)/\(name)", at: path)
        } catch {
            try? Files.remove("\(drafts)/\(name)")
            throw error
        }
    }

    /// Puts a file that is whole in its place, at once; also in that of a folder, which is none of ours.
    func put(_ draft: String, at path: String) throws(FileError) {
        do { try Files.rename(draft, to: path) } catch {
            guard error.reach == .file, (try? Files.remove(path)) != nil else { throw error }
            try Files.rename(draft, to: path)
        }
    }

    /// Makes a folder of ours, and those above it, in the place of whatever else has their names.
    func makeFolder(_ folder: String) throws(FileError) {
        guard folder != path else { return try make() }
        if let slash = folder.lastIndex(of: "/"), slash > path.startIndex { try makeFolder(String(folder[..<slash])) }
        do { try make(folder) } catch {
            guard error.code == EEXIST else { throw error }
            if try Files.status(of: folder).isFolder { return }
            try Files.remove(folder)
            try make(folder)
        }
        if geteuid() == 0, let owner = owner.withLock({ $0 }), owner.user != 0 {
            try Files.give(folder, to: owner.user, owner.group)
        }
    }

    private func make(_ folder: String) throws(FileError) {
        if isHandedOver, folder.hasPrefix(bodies + "/") { return try makeInDrafts(folder) }
        try Files.makeFolder(folder, Self.folderMode)
        if isHandedOver, folder == path || folder == bodies { try Files.setPermissions(folder, Self.passableMode) }
    }

    /// Makes a folder of bodies where it inherits the group of the store, which is the web server's, and moves it into place.
    /// `bodies` hands its group on no more: setting a folder's permissions takes its set-group-ID bit away, and a fenced
    /// process is not let set that (systemd's RestrictSUIDSGID).
    private func makeInDrafts(_ folder: String) throws(FileError) {
        let draft = "\(drafts)/\(Self.randomName())"
        try makeFolder(drafts)
        try Files.makeFolder(draft, Self.folderMode)
        do {
            try Files.setPermissions(draft, Self.passableMode)
            try Files.rename(draft, to: folder)
        } catch {
            try? Files.remove(draft)
            throw error.code == ENOTEMPTY ? FileError(error.call, EEXIST) : error
        }
    }

    /// Lets the web server read a file.
    func open(toWebServer file: OpenFile) throws(FileError) { try file.setPermissions(Self.readableMode) }
}

// MARK: - Places

extension FileFolder {
    var drafts: String { "\(path)/drafts" }
    var leases: String { "\(path)/leases" }
    var counts: String { "\(path)/counts" }
    var bodies: String { "\(path)/bodies" }
    var removed: String { "\(path)/removed" }

    func images(_ shard: Int) -> String { "\(path)/images/\(Self.name(ofShard: shard))" }
    func bodies(_ shard: Int) -> String { "\(bodies)/\(Self.name(ofShard: shard))" }
    func image(_ digest: KeyDigest) -> String { "\(images(digest.shard))/\(digest.text)" }
    func body(_ digest: KeyDigest, _ number: UInt64) -> String {
        "\(bodies(digest.shard))/\(Self.bodyName(digest, number))"
    }
    func lease(_ digest: KeyDigest) -> String { "\(leases)/\(digest.text)" }

    /// The name of a file of `bodies` within that folder.
    static func bodyPath(_ digest: KeyDigest, _ number: UInt64) -> String {
        "\(name(ofShard: digest.shard))/\(bodyName(digest, number))"
    }

    static func bodyName(_ digest: KeyDigest, _ number: UInt64) -> String {
        "\(digest.text)-\(String(number, radix: 16))"
    }

    static func name(ofShard shard: Int) -> String { (shard < 16 ? "0" : "") + String(shard, radix: 16) }

    static func randomName() -> String { String(UInt64.random(in: 0 ... .max), radix: 16) }
}

extension KeyDigest {
    /// The number of the folder that it belongs in.
    var shard: Int { Int(high >> 56) }
}
