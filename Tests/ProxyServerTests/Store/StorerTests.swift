import Dispatch
import ProxyCore
import Synchronization
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

    private let tier = TierDouble()
    private let metrics = Metrics()
    private let queue = StoreQueue()
    private static let url = "https://a.example/b.png"
    private static let now: Int64 = 1_700_000_000_000
    private static let dimensions = PixelDimensions(width: 37, height: 23)

    /// A job that keeps `stored`, by default something fresh for a minute.
    private func job(_ validators: Validators = Validators(), isStorable: Bool = true) -> StoreJob {
        StoreJob(
            Self.url, requestIdentifier: "1", type: .png, length: nil,
            stored: isStorable
                ? StoredResponse(validators: validators, generatedAt: Self.now - 5_000, freshUntil: Self.now + 60_000)
                : nil,
            fetchedAt: Self.now, storer: storer, queue: queue)
    }

    private var storer: Storer {
        Storer(
            cache: tier, metrics: metrics, logger: Samples.silent, urls: URLRedaction(Configuration.Log()),
            freshness: FreshnessPolicy(Configuration.Freshness(), imageTTL: .seconds(1)), clock: { Self.now })
    }

    /// Runs a job from its first chunk to its end.
    private func run(_ job: StoreJob, _ chunks: [[UInt8]], _ end: StoreJob.End) -> Bool {
        for chunk in chunks { job.append(Samples.chunk(chunk)) }
        let ended = Ended()
        job.end(end) { ended.count.add(1, ordering: .relaxed) }
        return queue.drain(until: .now + .seconds(60)) && ended.count.load(ordering: .relaxed) == 1
    }

    @Test func anImageIsStoredWithItsMetadata() {
        let image = Samples.png(5_000)
        #expect(run(job(), [Array(image[..<3_000]), Array(image[3_000...])], .whole(size: 5_000, Self.dimensions)))
        #expect(tier[Self.url]?.bytes == image)
        #expect(tier[Self.url]?.expiresAt == Self.now + 60_000)
        #expect(
            tier.metadata(of: Self.url)
                == ImageMetadata(width: 37, height: 23, contentType: "image/png", size: 5_000, cachedAt: Self.now))
        #expect(metrics.stored.count == 1)
    }

    @Test func whatTheOriginSaidOfItIsKept() throws {
        let validators = Validators(etag: EntityTag("\"a\""), lastModified: 1_600_000_000)
        #expect(run(job(validators), [Samples.png(100)], .whole(size: 100, nil)))
        let stored = StoredResponse(try #require(tier[Self.url]).record)
        #expect(stored.validators == validators)
        #expect(stored.generatedAt == Self.now - 5_000)
        #expect(tier.metadata(of: Self.url)?.width == 0, "0 where it is not known")
    }

    @Test func anImageWithoutATagGetsOneOfItsBytes() throws {
        func tag(_ chunks: [[UInt8]]) throws -> EntityTag? {
            #expect(run(job(), chunks, .whole(size: chunks.reduce(0) { $0 + $1.count }, nil)))
            let validators = StoredResponse(try #require(tier[Self.url]).record).validators
            #expect(validators.isOwnTag, "the origin is not asked with it")
            return validators.etag
        }
        let image = Samples.png(100)
        let whole = try #require(try tag([image]))
        #expect(whole.opaque.utf8.count == 32)
        #expect(!whole.isWeak)
        #expect(try tag([Array(image[..<30]), Array(image[30...])]) == whole, "however it came")
        #expect(try tag([image + [0]]) != whole)
    }

    static let refusals: [(StoreRefusal, hasMetadata: Bool)] = [
        (.tooLarge, true), (.overBudget, true), (.notStorable(.noStore), false), (.notStorable(.isPrivate), false),
    ]

    @Test("what was not kept leaves its metadata alone, or nothing", arguments: refusals)
    func notKept(_ refusal: StoreRefusal, _ hasMetadata: Bool) {
        #expect(run(job(), [Samples.png(30)], .notKept(refusal, size: 100, Self.dimensions)))
        #expect(tier[Self.url] == nil)
        #expect(tier.metadata(of: Self.url)?.size == (hasMetadata ? 100 : nil))
        #expect(metrics.tooLarge.count == (refusal == .tooLarge ? 1 : 0))
        #expect(metrics.overBudget.count == (refusal == .overBudget ? 1 : 0))
        #expect(metrics.notStorable.count == (hasMetadata ? 0 : 1))
        #expect(metrics.stored.count == 0)
    }

    @Test func whatWasCutLeavesNothing() {
        #expect(run(job(), [Samples.png(30)], .cut))
        #expect(tier[Self.url] == nil)
        #expect(tier.metadata(of: Self.url) == nil)
        #expect(metrics.all.allSatisfy { $0.count == 0 })
    }

    @Test func aCacheThatIsAwayIsCountedOnce() {
        tier.isAvailable = false
        #expect(run(job(), [Samples.png(30), Samples.png(30)], .whole(size: 60, nil)))
        #expect(metrics.storeFailures.count == 1)
        #expect(metrics.stored.count == 0)
    }

    @Test func anImageThatIsTooLargeIsOneDecisionWhateverBecomesOfItsMetadata() {
        tier.isAvailable = false
        #expect(run(job(), [], .notKept(.tooLarge, size: 100, Self.dimensions)))
        #expect(metrics.decisions.newestFirst.map(\.kind) == [.tooLarge])
        #expect(metrics.tooLarge.count == 1)
        #expect(metrics.storeFailures.count == 0)
    }

    @Test func aCacheThatFailedInTheMiddleGetsNothingMore() {
        let job = job()
        job.append(Samples.chunk(Samples.png(30)))
        #expect(queue.drain(until: .now + .seconds(60)))
        tier.takesImages = false
        job.append(Samples.chunk(Samples.png(30)))
        #expect(queue.drain(until: .now + .seconds(60)))
        tier.takesImages = true
        #expect(run(job, [Samples.png(30)], .whole(size: 90, nil)))
        #expect(tier[Self.url] == nil, "an image with a hole")
        #expect(metrics.storeFailures.count == 1)
    }

    @Test func chunksAreReleasedAsTheyAreWritten() {
        let budget = StoreBudget(limit: 1_000)
        let job = job()
        job.append(Samples.chunk(Samples.png(300), of: budget))
        #expect(queue.drain(until: .now + .seconds(60)))
        #expect(budget.usage == 0)
    }

    @Test func theQueueRunsWhatWasSubmittedInOrderAndDrains() {
        let numbers = Numbers()
        for number in 0..<100 { queue.submit { numbers.add(number) } }
        #expect(queue.drain(until: .now + .seconds(60)))
        #expect(numbers.all == Array(0..<100))
        #expect(queue.drain(until: .now + .seconds(60)), "and again")
    }

    @Test func aQueueThatIsHeldUpIsFullInTheEndAndDoesNotDrain() {
        let hold = DispatchSemaphore(value: 0)
        queue.submit { hold.wait() }
        while !queue.isFull { queue.submit {} }
        #expect(queue.depth == 4_096)
        #expect(!queue.drain(until: .now), "time runs out")
        hold.signal()
        #expect(queue.drain(until: .now + .seconds(60)))
        #expect(!queue.isFull)
    }
}

private final class Ended: Sendable { let count = Atomic<Int>(0) }

private final class Numbers: Sendable {
    private let state = Mutex<[Int]>([])

    var all: [Int] { state.withLock { $0 } }

    func add(_ number: Int) { state.withLock { $0.append(number) } }
}
