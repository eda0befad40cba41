import Glibc

/// Says when there is too little memory to begin anything: what is refused then gets 503, where the process would end.
///
/// Sendable: a descriptor of the kernel's, which is read at its beginning each time.
public final class MemoryGuard: Sendable {
    private let plan: MemoryPlan
    /// /proc/self/statm (proc(5)); nil where there is nothing to be guarded.
    private let sizes: Int32?
    private let pageSize = sysconf(Int32(_SC_PAGESIZE))

    /// Without limits nothing is ever short, and asking costs nothing.
    public init(_ plan: MemoryPlan) {
        self.plan = plan
        guard plan.addressSpace != nil || plan.resident != nil else {
            sizes = nil
            return
        }
        let descriptor = unsafe open("/proc/self/statm", O_RDONLY | O_CLOEXEC)
        sizes = descriptor >= 0 ? descriptor : nil
    }

    deinit { if let sizes { close(sizes) } }

    /// A system call of a microsecond or two where there are limits.
    var isShort: Bool {
        guard let sizes else { return false }
        return unsafe withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 128) { buffer in
            let count = unsafe pread(sizes, buffer.baseAddress, buffer.count, 0)
            guard count > 0 else { return false }
            var pages = (0, 0)
            var field = 0
            for index in 0..<count {
                let byte = unsafe buffer[index]
                guard byte != UInt8(ascii: " ") else {
                    field += 1
                    continue
                }
                let digit = Int(byte &- UInt8(ascii: "0"))
                switch field {
                case 0: pages.0 = pages.0 &* 10 &+ digit
                case 1: pages.1 = pages.1 &* 10 &+ digit
                default: break
                }
            }
            return plan.isShort(size: pages.0 &* pageSize, resident: pages.1 &* pageSize)
        }
    }
}

extension MemoryPlan {
    /// The limits that this process was started under.
    public static let ofThisProcess = MemoryPlan(addressSpace: addressSpaceLimit, resident: residentLimit)

    private static var addressSpaceLimit: Int? {
        var limits = rlimit()
        guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limits) == 0, limits.rlim_cur < 1 << 50
        else { return nil }
        return Int(clamping: limits.rlim_cur)
    }

    private static var residentLimit: Int? {
        guard let groups = text(of: "/proc/self/cgroup") else { return nil }
        return ControlGroup.limitFiles(groups).compactMap { text(of: $0).flatMap { ControlGroup.limit($0) } }.min()
    }

    /// The beginning of a small file of the kernel's.
    private static func text(of path: String) -> String? {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        return unsafe withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 4096) { buffer in
            let count = unsafe read(descriptor, buffer.baseAddress, buffer.count)
            guard count > 0 else { return nil }
            return unsafe String(decoding: UnsafeBufferPointer(rebasing: buffer[..<count]), as: UTF8.self)
        }
    }
}
