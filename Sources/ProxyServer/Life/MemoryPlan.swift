/// How little memory there may be, and how it is divided then.
///
/// Swift ends a process that finds no memory: so what could need it is bounded beforehand. Where nobody has set a limit,
/// or a generous one, nothing is changed.
public struct MemoryPlan: Equatable, Sendable {
    /// Limits of the address space and of resident memory; nil where there is none.
    public let addressSpace: Int?
    public let resident: Int?

    /// What the program and its libraries take of the address space before the first request, and of memory.
    private static let programSpace = 96 << 20
    private static let programMemory = 24 << 20
    /// A worker's stack, and what a transfer of libcurl's has in buffers, with TLS.
    private static let workerCost = 3 << 19
    /// A connection with a request that waits: most of it libfcgi's buffers.
    private static let connectionCost = 64 << 10

    public init(addressSpace: Int?, resident: Int?) {
        self.addressSpace = addressSpace
        self.resident = resident
    }

    /// What there is for requests; nil when that is not limited.
    private var budget: Int? {
        let budgets = [addressSpace.map { $0 - Self.programSpace }, resident.map { $0 - Self.programMemory }]
        return budgets.compactMap { $0 }.min().map { max(0, $0) }
    }

    /// A quarter for the cache in the process, an eighth for what waits for Redis, a quarter for workers, an eighth for
    /// connections. The rest is for what nobody has thought of, and for the allocator.
    public func memoryCache(_ wanted: Int) -> Int { budget.map { min(wanted, $0 / 4) } ?? wanted }
    public func storeBudget(_ wanted: Int) -> Int { budget.map { min(wanted, $0 / 8) } ?? wanted }
    public func workers(_ wanted: Int) -> Int { budget.map { min(wanted, max(2, $0 / 4 / Self.workerCost)) } ?? wanted }
    public func connections(_ wanted: Int) -> Int {
        budget.map { min(wanted, max(8, $0 / 8 / Self.connectionCost)) } ?? wanted
    }

    /// Bytes that the kernel may hold of an answer on each of so many connections: as many as are wanted if an eighth suffices
    /// for them, which are the process's in a control group. Nil leaves it to the kernel.
    public func answerBuffer(_ wanted: Int, connections: Int) -> Int? {
        guard let budget else { return wanted }
        return connections <= budget / 8 / max(1, wanted) ? wanted : nil
    }

    /// So much stays free: what is under way may need it. Beyond that no image is begun.
    var reserve: Int { min(32 << 20, max(4 << 20, (budget ?? 0) / 4)) }

    /// Whether a process of this size had better begin nothing.
    func isShort(size: Int, resident: Int) -> Bool {
        if let limit = addressSpace, size > limit - reserve { return true }
        if let limit = self.resident, resident > limit - reserve { return true }
        return false
    }
}

/// The limits of memory in a control group, by the words of /proc/self/cgroup (cgroups(7)).
enum ControlGroup {
    /// The files that may hold a limit: of each group that the process is in, and of those around it.
    static func limitFiles(_ text: String) -> [String] {
        text.split(separator: "\n").flatMap { line -> [String] in
            let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard fields.count == 3 else { return [] }
            // The unified hierarchy has number 0 and no controllers.
            if fields[0] == "0", fields[1].isEmpty {
                return ancestry(of: fields[2]).map { "/sys/fs/cgroup\($0)/memory.max" }
            }
            guard fields[1].split(separator: ",").contains("memory") else { return [] }
            return ancestry(of: fields[2]).map { "/sys/fs/cgroup/memory\($0)/memory.limit_in_bytes" }
        }
    }

    /// The limit in such a file; nil for none. The first version writes a number that no machine has.
    static func limit(_ text: String) -> Int? {
        Int(text.prefix { $0 != "\n" }).flatMap { (1..<1 << 50).contains($0) ? $0 : nil }
    }

    /// `/a/b`, `/a` and the root.
    private static func ancestry(of path: Substring) -> [String] {
        let parts = path.split(separator: "/").prefix(32)
        return (0...parts.count).reversed().map { parts.prefix($0).map { "/\($0)" }.joined() }
    }
}
