import ProxyCore
import Testing

@testable import ProxyServer

@Suite struct StorerTests {
    static let sizes = [
        (0, "0.00"), (1, "0.00"), (5_242, "0.00"), (5_243, "0.01"), (104_858, "0.10"), (1_043_333, "0.99"),
        (1_043_334, "1.00"), (1_048_576, "1.00"), (1_572_864, "1.50"), (5_242_880, "5.00"), (5_242_881, "5.00"),
        (104_857_600, "100.00"), (1 << 40, "1048576.00"),
    ]

    @Test("mebibytes with two decimals, as toFixed(2) has them", arguments: sizes)
    func megabytes(_ size: Int, _ text: String) {
        #expect(Storer.megabytes(size) == text)
    }

    private func job(_ image: TeeBuffer) -> StoreJob {
        StoreJob(
            urlText: "https://a.example/b.png", requestIdentifier: "1", type: .png,
            dimensions: PixelDimensions(width: 37, height: 23), fetchedAt: 1_700_000_000_000, image: image)
    }

    private func storer(_ tier: TierDouble, _ metrics: Metrics) -> Storer {
        Storer(cache: tier, metrics: metrics, logger: Samples.silent, urls: URLRedaction(Configuration.Log()))
    }

    @Test func anImageIsStoredWithItsMetadata() {
        let (tier, metrics) = (TierDouble(), Metrics())
        storer(tier, metrics).run(job(Samples.tee(Samples.png(5_000))))
        #expect(tier["https://a.example/b.png"]?.bytes == Samples.png(5_000))
        #expect(
            tier.metadata(of: "https://a.example/b.png")
                == ImageMetadata(
                    width: 37, height: 23, contentType: "image/png", size: 5_000, cachedAt: 1_700_000_000_000))
        #expect(metrics.stored.count == 1)
    }

    @Test("what was not kept leaves its metadata alone", arguments: [true, false]) func notKept(_ isTooLarge: Bool) {
        let (tier, metrics) = (TierDouble(), Metrics())
        let tee = TeeBuffer(
            gate: SizeGate(limit: isTooLarge ? 99 : 100), budget: StoreBudget(limit: isTooLarge ? 100 : 99),
            chunkSize: 30)
        let bytes = Samples.png(100)
        tee.append(RawSpan(_elements: bytes.span))
        storer(tier, metrics).run(job(tee))
        #expect(tier["https://a.example/b.png"] == nil)
        #expect(tier.metadata(of: "https://a.example/b.png")?.size == 100)
        #expect(metrics.tooLarge.count == (isTooLarge ? 1 : 0))
        #expect(metrics.overBudget.count == (isTooLarge ? 0 : 1))
        #expect(metrics.stored.count == 0)
    }

    @Test func aCacheThatIsAwayIsCounted() {
        let (tier, metrics) = (TierDouble(), Metrics())
        tier.isAvailable = false
        storer(tier, metrics).run(job(Samples.tee(Samples.png(100))))
        #expect(metrics.storeFailures.count == 1)
        #expect(metrics.stored.count == 0)
    }

    @Test func theQueueRunsWhatWasSubmittedInOrderAndDrains() {
        let tier = TierDouble()
        let storer = storer(tier, Metrics())
        let queue = StoreQueue { storer.run($0) }
        for size in 100...120 { #expect(queue.submit(job(Samples.tee(Samples.png(size))))) }
        #expect(queue.drain(until: .now + .seconds(60)))
        #expect(queue.depth == 0)
        #expect(tier["https://a.example/b.png"]?.bytes.count == 120)
    }
}
