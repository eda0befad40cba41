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
        // Each thread's arena takes 64 MiB of address space in advance, up to eight for each processor.
        if let limit = MemoryPlan.ofThisProcess.addressSpace, limit < 4 << 30 { mallopt(M_ARENA_MAX, 1) }
    }
}
