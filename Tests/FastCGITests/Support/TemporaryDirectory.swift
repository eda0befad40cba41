import Glibc

/// A directory of a test's own, removed with all files in it when the test lets go of it.
final class TemporaryDirectory: Sendable {
    let path: String

    init() throws {
        // Not where TMPDIR says, which may be long: the path of a socket has room for 107 bytes.
        var template = Array("/tmp/fcgi-XXXXXX".utf8CString)
        guard let made = unsafe mkdtemp(&template) else { throw SystemFailure("mkdtemp") }
        path = unsafe String(cString: made)
    }

    deinit {
        for file in files { unsafe unlink(path + "/" + file) }
        unsafe rmdir(path)
    }

    /// The names in it, sorted.
    var files: [String] {
        guard let directory = unsafe opendir(path) else { return [] }
        defer { unsafe closedir(directory) }
        var names: [String] = []
        while let entry = unsafe readdir(directory) {
            let name = unsafe withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }
}

struct SystemFailure: Error, CustomStringConvertible {
    let description: String

    init(_ call: String) { description = unsafe "\(call): \(String(cString: strerror(errno)))" }
}
