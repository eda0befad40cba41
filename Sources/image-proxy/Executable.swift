import Glibc

/// This program, to be executed once more: with the same arguments, from the same path, where an upgrade may have put
/// another one by now.
@safe enum Executable {
    /// As it was at the start; the kernel's own word for it changes when the file is replaced.
    static let path: String? = unsafe withUnsafeTemporaryAllocation(of: UInt8.self, capacity: Int(PATH_MAX)) { buffer in
        guard let base = buffer.baseAddress else { return nil }
        let count = unsafe readlink("/proc/self/exe", base, buffer.count)
        return count > 0
            ? unsafe String(decoding: UnsafeBufferPointer(rebasing: buffer[..<count]), as: UTF8.self) : nil
    }

    /// Variables that are about the process that they were set for.
    private static let ownVariables = ["LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"]
    private static let supervisionVariables = ["NOTIFY_SOCKET", "WATCHDOG_PID"]

    /// Starts it as a child, in a process group of its own: what a terminal sends to all is passed on by the parent alone.
    /// The child has the descriptors in `passing` under numbers from 3 on, and closes what else comes with it, since not every
    /// library sees to that. Nil when there is none.
    static func spawn(passing: [Int32], _ inheritance: ([Int32]) -> Inheritance) -> pid_t? {
        guard let path else { return nil }
        let numbers = (0..<passing.count).map { 3 + Int32(clamping: $0) }
        // Moved out of the way of their new numbers first.
        let above = 3 + Int32(clamping: passing.count)
        let moved = passing.map { fcntl($0, F_DUPFD_CLOEXEC, above) }
        defer { for descriptor in moved where descriptor >= 0 { close(descriptor) } }
        guard moved.allSatisfy({ $0 >= 0 }) else { return nil }
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        unsafe posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
        for (from, to) in zip(moved, numbers) {
            unsafe posix_spawn_file_actions_adddup2(&actions, from, to)
        }
        var attributes = posix_spawnattr_t()
        unsafe posix_spawnattr_init(&attributes)
        defer { unsafe posix_spawnattr_destroy(&attributes) }
        unsafe posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK))
        // What comes before it looks shall wait for it.
        _ = unsafe Signals.withHeld { unsafe posix_spawnattr_setsigmask(&attributes, $0) }
        unsafe posix_spawnattr_setpgroup(&attributes, 0)
        var child: pid_t = 0
        let result = unsafe withEnvironment(inheritance(numbers), dropping: ownVariables + supervisionVariables) {
            (variables) in
            unsafe ProgramArguments.withPointers {
                unsafe posix_spawn(&child, path, &actions, &attributes, $0, variables)
            }
        }
        return result == 0 ? child : nil
    }

    /// Becomes it, with the same process identifier and the inherited descriptors. Returns when that fails.
    static func become(_ inheritance: Inheritance) {
        guard let path else { return }
        for descriptor in inheritance.descriptors + [inheritance.link] { _ = fcntl(descriptor, F_SETFD, 0) }
        _ = unsafe withEnvironment(inheritance, dropping: ownVariables) { (variables) in
            unsafe ProgramArguments.withPointers { unsafe execve(path, $0, variables) }
        }
    }

    private static func withEnvironment<Result>(
        _ inheritance: Inheritance, dropping dropped: [String],
        _ body: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> Result
    ) -> Result {
        var lines: [String] = ["\(Inheritance.variable)=\(inheritance.text)"]
        var entry = unsafe environ
        while let text = unsafe entry.pointee {
            unsafe entry += 1
            let line = unsafe String(cString: text)
            if !dropped.contains(where: { line.hasPrefix($0 + "=") }) { lines.append(line) }
        }
        return unsafe ProgramArguments.withCPointers(to: lines, body)
    }
}
