internal import Glibc

/// A system call on a file that failed.
public struct FileError: Error, Equatable, Sendable, CustomStringConvertible {
    /// What was tried, such as `open`.
    public let call: String
    /// `errno`.
    public let code: Int32

    public init(_ call: String, _ code: Int32) {
        self.call = call
        self.code = code
    }

    /// From what the call of this thread that just failed has left.
    static func last(_ call: String) -> FileError { FileError(call, errno) }

    /// How much a failure says cannot be used now.
    public enum Reach: Sendable, Hashable {
        /// This file alone: there is something else of its name.
        case file
        /// This moment: descriptors have run out.
        case moment
        /// Nothing can be written, or nothing at all can be reached.
        case all
    }

    public var reach: Reach {
        switch code {
        case ELOOP, EISDIR, ENAMETOOLONG, ENXIO, EEXIST: .file
        case EMFILE, ENFILE, ENOMEM: .moment
        default: .all
        }
    }

    /// Whether it is room that is missing, on the disk or in a quota.
    public var isForRoom: Bool { code == ENOSPC || code == EDQUOT }

    /// Whether there is no file of that name, or no folder for it.
    public var isMissing: Bool { code == ENOENT || code == ENOTDIR }

    /// Whether it is permission that is missing.
    public var isForbidden: Bool { code == EACCES }

    public var description: String { "\(call): \(unsafe String(cString: strerror(code)))" }
}

/// Calls once more what a signal has interrupted.
func uninterrupted<Result: SignedInteger>(_ call: String, _ body: () -> Result) throws(FileError) -> Result {
    while true {
        let result = body()
        if result >= 0 { return result }
        guard errno == EINTR else { throw .last(call) }
    }
}
