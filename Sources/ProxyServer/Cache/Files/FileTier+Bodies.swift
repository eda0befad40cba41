internal import Files
import Glibc
import ProxyCore

/// Images whose bytes are in files of their own, for web servers to send.
///
/// Such a file goes some time after its image has gone: a web server may just have been told its name, and not have opened
/// it yet. Each has a name that no other gets, so nobody is ever sent another image than was meant.
extension FileTier {
    /// How long a web server may take to open a file that it was told of: nanoseconds.
    private static let grace = 10 * 1_000_000_000

    /// The number of the body that a replaced image has in a file of its own. The folder is locked.
    func replacedBody(_ digest: KeyDigest, _ shard: FileShard) -> UInt64? {
        guard shard.entry(of: digest)?.kind.contains(.body) ?? false else { return nil }
        return (try? ImageFile.open(folder.image(digest)))?.header.body
    }

    /// Notes that nothing names this file any more.
    func letGo(_ digest: KeyDigest, _ number: UInt64) {
        // Where that cannot be noted, the file is what `clean` finds.
        _ = try? folder.open(FileFolder.bodyName(digest, number), in: folder.removed)
    }

    /// Removes the files that were let go long enough ago.
    func sweepBodies() {
        for name in (try? Files.names(in: folder.removed)) ?? [] {
            let mark = "\(folder.removed)/\(name)"
            guard let digest = KeyDigest(String(name.prefix(32))), let time = try? Files.status(of: mark).lastChange,
                isFar(time, by: Self.grace)
            else { continue }
            try? Files.remove("\(folder.bodies(digest.shard))/\(name)")
            try? Files.remove(mark)
        }
    }

    /// Removes a file that nothing names and nobody has let go: its process was killed in between. Its length; nil where
    /// it stays.
    func removeOrphanedBody(_ name: String, isDryRun: Bool) -> Int? {
        guard let digest = KeyDigest(String(name.prefix(32))) else { return nil }
        let path = "\(folder.bodies(digest.shard))/\(name)"
        guard let status = try? Files.status(of: path), isFar(status.lastChange, by: Self.leastAge),
            (try? Files.status(of: "\(folder.removed)/\(name)")) == nil
        else { return nil }
        let current = try? ImageFile.open(folder.image(digest))
        if let number = current?.header.body, FileFolder.bodyName(digest, number) == name { return nil }
        if !isDryRun { try? Files.remove(path) }
        return status.size
    }
}
