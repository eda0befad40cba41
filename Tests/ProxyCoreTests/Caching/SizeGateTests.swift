import ProxyCore
import Testing

@Suite struct SizeGateTests {
    @Test(
        "the limit itself is admitted",
        arguments: [
            (0, true), (5_242_879, true), (5_242_880, true), (5_242_881, false), (.max, false),
        ] as [(Int, Bool)])
    func limit(size: Int, isAdmitted: Bool) { #expect(SizeGate(limit: 5_242_880).admits(size) == isAdmitted) }
}
