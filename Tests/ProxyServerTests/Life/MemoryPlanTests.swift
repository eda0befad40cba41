import Testing

@testable import ProxyServer

@Suite struct MemoryPlanTests {
    @Test("without a limit, or with a generous one, everything is as it was asked for", arguments: [nil, 8 << 30])
    func generous(_ limit: Int?) {
        let plan = MemoryPlan(addressSpace: limit, resident: limit)
        #expect(plan.memoryCache(64 << 20) == 64 << 20)
        #expect(plan.storeBudget(32 << 20) == 32 << 20)
        #expect(plan.workers(256) == 256)
        #expect(plan.connections(4096) == 4096)
        #expect(plan.answerBuffer(512 << 10, connections: 1024) == 512 << 10)
        #expect(!plan.isShort(size: 1 << 30, resident: 100 << 20))
    }

    static let limits = [
        0, 1 << 20, 24 << 20, 64 << 20, 100 << 20, 128 << 20, 200 << 20, 256 << 20, 512 << 20, 1 << 30,
    ]

    @Test("what is given out is less than there is", arguments: limits) func little(_ limit: Int) {
        for plan in [MemoryPlan(addressSpace: limit, resident: nil), MemoryPlan(addressSpace: nil, resident: limit)] {
            let caches = plan.memoryCache(.max) + plan.storeBudget(.max)
            #expect(caches <= limit / 2)
            #expect(plan.workers(1024) >= 2 && plan.workers(1) == 1)
            #expect(plan.connections(65_536) >= 8 && plan.connections(4) == 4)
            if limit >= 128 << 20 {
                #expect(caches + plan.workers(1024) << 20 + plan.connections(65_536) << 16 < limit)
            }
        }
    }

    @Test func answersAreLeftToTheKernelWhereMemoryIsShort() {
        let plan = MemoryPlan(addressSpace: nil, resident: 24 << 20 + 128 << 20)
        #expect(plan.answerBuffer(512 << 10, connections: 32) == 512 << 10)
        #expect(plan.answerBuffer(512 << 10, connections: 33) == nil)
    }

    @Test func theSmallerLimitCounts() {
        let plan = MemoryPlan(addressSpace: 8 << 30, resident: 128 << 20)
        #expect(plan.storeBudget(.max) == 13 << 20)
        #expect(MemoryPlan(addressSpace: 96 << 20 + 104 << 20, resident: 8 << 30).storeBudget(.max) == 13 << 20)
    }

    @Test func somethingIsKeptInReserve() {
        let plan = MemoryPlan(addressSpace: 224 << 20, resident: nil)
        #expect(!plan.isShort(size: 192 << 20, resident: 1 << 40))
        #expect(plan.isShort(size: 192 << 20 + 1, resident: 0))
        let resident = MemoryPlan(addressSpace: nil, resident: 152 << 20)
        #expect(!resident.isShort(size: 1 << 40, resident: 120 << 20))
        #expect(resident.isShort(size: 0, resident: 120 << 20 + 1))
    }

    @Test func controlGroupsAndThoseAroundThem() {
        #expect(
            ControlGroup.limitFiles("0::/system.slice/x.service\n") == [
                "/sys/fs/cgroup/system.slice/x.service/memory.max", "/sys/fs/cgroup/system.slice/memory.max",
                "/sys/fs/cgroup/memory.max",
            ])
        #expect(
            ControlGroup.limitFiles("9:name=systemd:/\n4:cpu,memory:/a:b\n0::/\n") == [
                "/sys/fs/cgroup/memory/a:b/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.limit_in_bytes",
                "/sys/fs/cgroup/memory.max",
            ])
        #expect(ControlGroup.limitFiles("nonsense\n::\n\n") == [])
    }

    @Test(arguments: [
        ("max\n", nil), ("104857600\n", 104_857_600), ("9223372036854771712\n", nil), ("-1", nil), ("0", nil),
        ("", nil),
        ("99999999999999999999999", nil),
    ])
    func groupLimit(_ text: String, _ limit: Int?) {
        #expect(ControlGroup.limit(text) == limit)
    }
}
