import Files
import Foundation
import Glibc
import Testing

/// A folder of a test's own, removed with the last reference.
final class TemporaryFolder {
    let path: String

    init() throws {
        path = FileManager.default.temporaryDirectory.path + "/image-proxy-files-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}

@Suite struct OpenFileTests {
    private let folder: TemporaryFolder
    private var path: String { folder.path + "/a" }

    init() throws { folder = try TemporaryFolder() }

    private func make(_ bytes: [UInt8] = [1, 2, 3, 4, 5]) throws -> OpenFile {
        let file = try OpenFile(path, .creating(0o600))
        try file.write(bytes, at: 0)
        return file
    }

    @Test func whatIsWrittenIsRead() throws {
        let file = try make()
        #expect(try file.read(5) == [1, 2, 3, 4, 5])
        #expect(try file.read(2, at: 1) == [2, 3])
        #expect(try file.read(100, at: 3) == [4, 5], "fewer where the file ends")
        #expect(try file.read(1, at: 5) == [])
        try file.write([9], at: 7)
        #expect(try OpenFile(path, .reading).read(10) == [1, 2, 3, 4, 5, 0, 0, 9])
        try file.truncate(to: 1)
        let status = try file.status()
        #expect(status.size == 1 && status.isFile && !status.isFolder && status.permissions == 0o600)
    }

    @Test func aBufferIsFilledAsFarAsTheFileGoes() throws {
        let file = try make()
        var buffer = [UInt8](repeating: 7, count: 4)
        #expect(try file.read(into: &buffer, at: 3) == 2)
        #expect(buffer == [4, 5, 7, 7])
    }

    @Test func whatIsThereIsNotMadeAnew() throws {
        _ = try make()
        #expect(throws: FileError("open", EEXIST)) { try OpenFile(path, .creating(0o600)) }
        #expect(try OpenFile(path, .updating(creating: 0o600)).read(1) == [1])
    }

    @Test func whatIsMissingIsSaidToBe() throws {
        for path in [path, path + "/b"] {
            do {
                _ = try OpenFile(path, .reading)
                Issue.record("\(path) is there")
            } catch {
                #expect(error.isMissing && error.reach == .all)
            }
        }
    }

    @Test func aSymbolicLinkIsNotFollowed() throws {
        _ = try make()
        let link = folder.path + "/link"
        try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: path)
        #expect(throws: FileError("open", ELOOP)) { try OpenFile(link, .reading) }
        #expect(FileError("open", ELOOP).reach == .file)
        #expect(!(try Files.status(of: link)).isFile)
    }

    @Test func nobodyWaitsForTheOtherEndOfAPipe() throws {
        #expect(unsafe mkfifo(path, 0o600) == 0)
        #expect(!(try OpenFile(path, .reading).status().isFile))
    }

    @Test func aLockKeepsOthersOutUntilItsFileIsClosed() throws {
        var file: OpenFile? = try make()
        let other = try OpenFile(path, .reading)
        #expect(try file?.tryLock() == true)
        #expect(try other.tryLock() == false)
        file = nil
        #expect(try other.tryLock() == true)
        try other.lock(.shared)
        try OpenFile(path, .reading).lock(.shared)
    }

    @Test func aTouchChangesTheTimeOfUseAlone() throws {
        let file = try make()
        var times = [timespec(tv_sec: 1000, tv_nsec: 0), timespec(tv_sec: 2000, tv_nsec: 5)]
        #expect(unsafe utimensat(AT_FDCWD, path, &times, 0) == 0)
        file.touch()
        let status = try file.status()
        #expect(status.lastChange == 2_000_000_000_005)
        #expect(status.lastUse > 1_700_000_000_000_000_000)
    }

    @Test func readingIsNoUse() throws {
        _ = try make()
        var times = [timespec(tv_sec: 1000, tv_nsec: 0), timespec(tv_sec: 2000, tv_nsec: 5)]
        #expect(unsafe utimensat(AT_FDCWD, path, &times, 0) == 0)
        #expect(try OpenFile(path, .reading).read(5) == [1, 2, 3, 4, 5])
        #expect(try Files.status(of: path).lastUse == 1_000_000_000_000)
    }

    /// To the superuser none is another's.
    @Test(.enabled(if: geteuid() != 0)) func anotherUsersFileIsReadAllTheSame() throws {
        #expect(try OpenFile("/proc/version", .reading).read(5) == Array("Linux".utf8))
    }

    @Test func aDiskSaysWhatItHasLeft() throws {
        #expect(try Files.freeBytes(of: folder.path) > 0)
        #expect(throws: FileError("statvfs", ENOENT)) { try Files.freeBytes(of: folder.path + "/none") }
    }

    @Test func names() throws {
        _ = try make()
        try Files.makeFolder(folder.path + "/b", 0o700)
        #expect(try Files.names(in: folder.path).sorted() == ["a", "b"])
        try Files.rename(path, to: folder.path + "/b/c")
        #expect(try Files.names(in: folder.path + "/b") == ["c"])
        try Files.remove(folder.path + "/b/c")
        #expect(try Files.names(in: folder.path + "/b") == [])
        #expect(throws: FileError("opendir", ENOENT)) { try Files.names(in: path) }
        #expect(throws: FileError("mkdir", EEXIST)) { try Files.makeFolder(folder.path + "/b", 0o700) }
        #expect(throws: FileError("remove", ENOENT)) { try Files.remove(path) }
    }
}
