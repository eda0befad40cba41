/// The width and height of an image in pixels, as stored: no orientation is applied.
public struct PixelDimensions: Equatable, Sendable {
    public var width: Int
    public var height: Int

    /// 0 by 0 stands for unknown, wherever dimensions must be written down.
    public init(width: Int, height: Int) {
        self.width = width
        self.height = height
    }
}

/// Reads the dimensions out of an image's own header while its bytes stream past.
///
/// The pieces may be of any size: the answer does not depend on how the bytes were split. A format's reader (`HeaderReader`)
/// says how many bytes to skip and how many to hand over next; only those are kept, so that memory stays below a kilobyte but
/// for the tables of an HEIF file, which are bounded too, and a skipped segment of several megabytes costs nothing.
public struct DimensionScanner: Sendable {
    /// The dimensions, once they are known. They are positive.
    public private(set) var dimensions: PixelDimensions?

    /// Whether further bytes would change nothing: the dimensions are known, or cannot be.
    public private(set) var isFinished = false

    private var reader: any HeaderReader
    private var bytesToSkip: UInt64 = 0
    private var bytesWanted: Int
    private(set) var window: [UInt8] = []
    /// Ends what a hostile file could spin out: segments of no length, boxes in millions. Real headers take a few hundred.
    private var stepsLeft = 1 << 16

    /// The most that a reader may ask for at once.
    static let longestRead = 512

    public init(_ type: MediaType) {
        reader = type.headerReader
        bytesWanted = reader.opening
    }

    /// Takes the next bytes of the image.
    public mutating func scan(_ bytes: RawSpan) {
        var rest = bytes
        while !isFinished, !rest.isEmpty {
            let skipped = Int(min(bytesToSkip, UInt64(rest.byteCount)))
            rest = rest.extracting(droppingFirst: skipped)
            bytesToSkip -= UInt64(skipped)

            let taken = min(bytesWanted - window.count, rest.byteCount)
            for offset in 0..<taken {
                if let byte = try? rest.byte(at: offset) { window.append(byte) }
            }
            rest = rest.extracting(droppingFirst: taken)
            if window.count == bytesWanted { step() }
        }
    }

    private mutating func step() {
        // Taken out and put back, so that its storage is used again while the reader borrows it.
        var piece: [UInt8] = []
        swap(&piece, &window)
        let next = (try? reader.next(RawSpan(_elements: piece.span))) ?? .unknown
        piece.removeAll(keepingCapacity: true)
        swap(&piece, &window)

        stepsLeft -= 1
        switch next {
        case .read(let count, after: let skip) where (1...Self.longestRead).contains(count) && stepsLeft > 0:
            bytesToSkip = skip
            bytesWanted = count
        case .found(let found) where found.width > 0 && found.height > 0:
            dimensions = found
            isFinished = true
        case .read, .found, .unknown:
            isFinished = true
        }
    }
}
