import Glibc

/// What the system says of this process.
struct ProcessFigures {
    let identifier = Int(getpid())
    /// Bytes in physical memory; nil where the system does not say.
    let residentMemory: Int?
    /// Unix milliseconds.
    let startedAt = Self.start

    /// When this was first asked for, which the server does as it starts.
    static let start = systemClock()

    init() { residentMemory = Self.residentPages.map { $0 * Int(sysconf(Int32(_SC_PAGESIZE))) } }

    /// The second number of /proc/self/statm (proc(5)).
    private static var residentPages: Int? {
        let descriptor = unsafe open("/proc/self/statm", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var buffer = [UInt8](repeating: 0, count: 128)
        let count = unsafe read(descriptor, &buffer, buffer.count)
        guard count > 0 else { return nil }
        let words = buffer[..<count].split(separator: UInt8(ascii: " "))
        return words.count > 1 ? Int(String(decoding: words[1], as: UTF8.self)) : nil
    }
}
