public import ProxyCore

/// What is in the cache, as the statistics tell it.
public struct CacheStatistics: Sendable, Equatable {
    public var totalImages = 0
    /// Bytes of images, not of records.
    public var totalSize = 0
    /// Unix milliseconds.
    public var oldestCache: Int64?
    public var newestCache: Int64?
    /// By media type, such as `image/png`; what is none that we know is `other`.
    public var types: [String: Share] = [:]
    /// By size, each up to the bound at its place in `sizeBounds`; the last are larger than all of them.
    public var sizes = [Share](repeating: Share(), count: HistogramScale.bucketCount)

    static var sizeBounds: [Int] { HistogramScale.size.bounds }

    /// `sizes`, each with the most bytes that an image in it has; nil is no bound.
    public var sizeClasses: [(upTo: Int?, share: Share)] {
        sizes.enumerated().map { ($0 < Self.sizeBounds.count ? Self.sizeBounds[$0] : nil, $1) }
    }

    /// Some of the images.
    public struct Share: Sendable, Equatable, CustomStringConvertible {
        public var images = 0
        public var bytes = 0

        public var description: String { "\(images) \(images == 1 ? "image" : "images"), \(bytes) bytes" }

        mutating func add(_ size: Int) {
            images += 1
            bytes &+= size
        }
    }

    public init() {}

    mutating func count(_ record: ImageRecord) {
        count(size: record.size, cachedAt: record.cachedAt)
        types[MediaType(label: record.contentType)?.contentType ?? "other", default: Share()].add(record.size)
    }

    /// Counts an image of whose type nothing is said.
    mutating func count(size: Int, cachedAt: Int64) {
        totalImages += 1
        totalSize &+= size
        oldestCache = min(oldestCache ?? .max, cachedAt)
        newestCache = max(newestCache ?? .min, cachedAt)
        sizes[HistogramScale.size.bucket(of: size)].add(size)
    }

    /// The sums of so many times as much; the times stay.
    func scaled(by factor: Double) -> CacheStatistics {
        var scaled = self
        scaled.totalImages = totalImages.scaled(by: factor)
        scaled.totalSize = totalSize.scaled(by: factor)
        scaled.types = types.mapValues { $0.scaled(by: factor) }
        scaled.sizes = sizes.map { $0.scaled(by: factor) }
        return scaled
    }
}

extension CacheStatistics.Share {
    fileprivate func scaled(by factor: Double) -> Self {
        Self(images: images.scaled(by: factor), bytes: bytes.scaled(by: factor))
    }
}

extension Int {
    fileprivate func scaled(by factor: Double) -> Int {
        Int(clamping: Int64(exactly: (Double(self) * factor).rounded()) ?? .max)
    }
}

/// What is known of the cache without a walk through it.
struct CacheOverview: Sendable {
    var statistics: CacheStatistics
    /// When they were counted: Unix milliseconds, nil is just now.
    var countedAt: Int64?
    /// Whether nothing is known to have changed since then.
    var isCurrent = true
    /// Whether they were made out of a sample, because nobody has counted yet.
    var isEstimate = false
    /// Of Redis alone.
    var server: CacheServer?
    /// Of the embedded store alone.
    var folder: CacheFolder?
}

/// What Redis says of itself.
struct CacheServer: Sendable, Equatable {
    /// Bytes.
    var usedMemory = 0
    var peakMemory = 0
    /// 0 is no limit.
    var maximumMemory = 0
    var evictionPolicy = ""
    /// Since the server's start, whoever wrote them.
    var evictedKeys = 0
    var expiredKeys = 0
}

extension CacheTier {
    func overview() throws(CacheFailure) -> CacheOverview { CacheOverview(statistics: try statistics()) }

    var memoryUsage: (bytes: Int, entries: Int)? { nil }

    func watched() {}

    var wantsCount: Bool { false }

    func keepCount(isStopping: () -> Bool) {}

    func memoryEntry(of urlText: String) -> MemoryReport.Entry? { nil }

    func publish(_ counts: MetricsReading, of host: String) throws(CacheFailure) {}

    func hostCounts() throws(CacheFailure) -> [(host: String, counts: MetricsReading)] { [] }
}

extension CacheStatistics {
    /// The members that every reader of statistics knows.
    public func write(to text: inout JSONText) {
        text.member("totalImages", .integer(Int64(totalImages)))
        text.member("totalSize", .integer(Int64(totalSize)))
        text.member("oldestCache", oldestCache.map { .integer($0) } ?? .null)
        text.member("newestCache", newestCache.map { .integer($0) } ?? .null)
        text.name("types")
        text.object { text in
            for (type, share) in types.sorted(by: { $0.key < $1.key }) {
                text.name(type)
                text.object { share.write(to: &$0) }
            }
        }
        text.name("sizeClasses")
        text.array { text in
            for (upTo, share) in sizeClasses {
                text.object { text in
                    text.member("upTo", upTo.map { .integer(Int64($0)) } ?? .null)
                    share.write(to: &text)
                }
            }
        }
    }
}

extension CacheStatistics.Share {
    fileprivate func write(to text: inout JSONText) {
        text.member("images", .integer(Int64(images)))
        text.member("bytes", .integer(Int64(bytes)))
    }
}
