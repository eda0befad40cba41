import CMalloc
import ProxyServer

/// Settings of glibc's allocator that keep the process as small as its work.
enum MemoryTuning {
    /// Before any thread starts.
    static func apply() {
        // Images pass in large blocks. Left to itself the allocator raises this threshold with the first one that is
        // freed and then keeps them in its arenas for good; fixed, each goes back to the system at once.
        mallopt(M_MMAP_THRESHOLD, 128 << 10)
        mallopt(M_TRIM_THRESHOLD, 256 << 10)
        // Eight arenas for each processor are glibc's own choice; no more threads run here than there are processors, but for
        // moments. Each takes pages that stay, and 64 MiB of address space in advance.
        let isCramped = MemoryPlan.ofThisProcess.addressSpace.map { $0 < 4 << 30 } ?? false
        mallopt(M_ARENA_MAX, isCramped ? 1 : Int32(2 * Server.runningWorkers))
    }
}
