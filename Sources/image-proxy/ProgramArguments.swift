import Glibc

/// The words that this program was started with, its own name first.
@safe enum ProgramArguments {
    /// Swift's runtime looks for them before the environment, and finds none where a preloaded library has moved that, as
    /// libfaketime does. The kernel knows them still.
    static let words: [String] = {
        let words = CommandLine.arguments
        return words.isEmpty ? kernelWords : words
    }()

    /// More than the kernel lets anybody pass.
    private static let limit = 8 << 20

    private static var kernelWords: [String] {
        let descriptor = unsafe open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return [] }
        defer { close(descriptor) }
        guard case .success(let bytes) = FileReading.contents(of: descriptor, limit: limit) else { return [] }
        // Each ends with a NUL.
        return bytes.split(separator: 0, omittingEmptySubsequences: false).dropLast().map {
            String(decoding: $0, as: UTF8.self)
        }
    }

    /// Calls `body` with the words as C has them, ended by a null pointer.
    static func withPointers<Result>(
        _ body: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> Result
    ) -> Result {
        guard CommandLine.argc == 0 else { return unsafe body(CommandLine.unsafeArgv) }
        return unsafe withCPointers(to: words, body)
    }

    /// Calls `body` with copies of `lines` as C has them, ended by a null pointer.
    static func withCPointers<Result>(
        to lines: [String], _ body: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> Result
    ) -> Result {
        var pointers = unsafe lines.map { unsafe strdup($0) } + [nil]
        defer { unsafe pointers.forEach { unsafe free($0) } }
        return unsafe pointers.withUnsafeMutableBufferPointer { buffer in
            guard let base = buffer.baseAddress else { preconditionFailure("it holds at least its end") }
            return unsafe body(base)
        }
    }
}
