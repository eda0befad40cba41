import Glibc

/// Reads files up to a length.
enum FileReading {
    struct Failure: Error { let reason: String }

    /// All that comes out of a descriptor.
    static func contents(of descriptor: Int32, limit: Int) -> Result<[UInt8], Failure> {
        var contents: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = unsafe read(descriptor, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { return .failure(Failure(reason: lastError())) }
            guard count > 0 else { return .success(contents) }
            guard count <= limit - contents.count else {
                return .failure(Failure(reason: "it is longer than \(limit) bytes"))
            }
            contents += buffer[..<count]
        }
    }
}
