/// The dimensions of the primary item of an HEIF file, AVIF and HEIC alike (ISO/IEC 23008-12).
///
/// `pitm` names the primary item, `ipco` lists properties, `ipma` says which of them an item has; its `ispe` holds the
/// dimensions, those of the whole picture when the item is a grid of tiles. A sequence without items has a track whose sample
/// entry holds them.
///
/// Boxes that contain boxes are entered by reading on behind their header, so that the walk is flat: no nesting can be deep,
/// and a box that overruns its parent only makes the dimensions unknown.
struct HEIFHeader: HeaderReader {
    private enum State {
        case boxHeader
        case wideSize(of: FourCharacterCode)
        case primaryItem(payload: UInt64)
        case spatialExtents(payload: UInt64)
        case associations
        case item
        case associationCount(item: UInt32)
        case properties(item: UInt32)
        case sampleEntry(payload: UInt64)
    }

    let opening = 8
    private var state = State.boxHeader
    private var primaryItem: UInt32?
    /// How many properties of `ipco` went by. Associations count from one.
    private var propertyCount = 0
    private var extents: [Int: PixelDimensions] = [:]
    /// Of each item, in case `pitm` comes last.
    private var dimensionsOfItem: [UInt32: PixelDimensions] = [:]
    private var itemsLeft: UInt32 = 0
    private var hasWideItems = false
    private var hasWideIndexes = false

    /// Enough for a picture of many tiles, and a bound on what a hostile file can make us keep.
    static let mostKept = 256

    mutating func next(_ piece: RawSpan) throws(EndOfBytes) -> HeaderStep {
        switch state {
        case .boxHeader:
            switch try BoxHeader.parse(piece) {
            case .header(let box): return enter(box)
            case .damaged: return .unknown
            case .needsWideSize(let type):
                state = .wideSize(of: type)
                return .read(8)
            }
        case .wideSize(let type):
            guard let box = try BoxHeader(type: type, wideSize: piece) else { return .unknown }
            return enter(box)
        case .primaryItem(let payload):
            primaryItem =
                try piece.byte(at: 0) == 0
                ? UInt32(try piece.bigEndian(UInt16.self, at: 4)) : try piece.bigEndian(UInt32.self, at: 4)
            return boxOrAnswer(after: payload)
        case .spatialExtents(let payload):
            if extents.count < Self.mostKept {
                let width = try piece.bigEndian(UInt32.self, at: 4)
                extents[propertyCount] = PixelDimensions(width, try piece.bigEndian(UInt32.self, at: 8))
            }
            return boxOrAnswer(after: payload)
        case .associations:
            hasWideItems = try piece.byte(at: 0) > 0
            hasWideIndexes = try piece.byte(at: 3) & 1 == 1
            itemsLeft = try piece.bigEndian(UInt32.self, at: 4)
            return nextItem()
        case .item:
            let item =
                hasWideItems ? try piece.bigEndian(UInt32.self, at: 0) : UInt32(try piece.bigEndian(UInt16.self, at: 0))
            state = .associationCount(item: item)
            return .read(1)
        case .associationCount(let item):
            let count = Int(try piece.byte(at: 0))
            guard count > 0 else { return nextItem() }
            state = .properties(item: item)
            return .read(hasWideIndexes ? count * 2 : count)
        case .properties(let item):
            try associate(item, with: piece)
            return nextItem()
        case .sampleEntry(let payload):
            return try sampleEntry(piece, payload: payload)
        }
    }

    private mutating func enter(_ box: BoxHeader) -> HeaderStep {
        propertyCount += 1
        switch box.type {
        case "meta":
            return boxOrAnswer(after: 4)  // its version and flags
        case "iprp", "moov", "trak", "mdia", "minf", "stbl":
            return boxOrAnswer(after: 0)
        case "ipco":
            propertyCount = 0
            return boxOrAnswer(after: 0)
        case "pitm" where box.payload >= 6:
            let length = min(box.payload, 8)
            state = .primaryItem(payload: box.payload - length)
            return .read(Int(length))
        case "ispe" where box.payload >= 12:
            state = .spatialExtents(payload: box.payload - 12)
            return .read(12)
        case "ipma" where box.payload >= 8:
            state = .associations
            return .read(8)
        case "stsd" where box.payload >= 44:
            state = .sampleEntry(payload: box.payload - 44)
            return .read(44)
        default:
            return boxOrAnswer(after: box.payload)
        }
    }

    /// The answer as soon as it is known, else the next box.
    private mutating func boxOrAnswer(after skip: UInt64) -> HeaderStep {
        if let primaryItem, let dimensions = dimensionsOfItem[primaryItem] { return .found(dimensions) }
        state = .boxHeader
        return .read(8, after: skip)
    }

    private mutating func nextItem() -> HeaderStep {
        guard itemsLeft > 0 else { return boxOrAnswer(after: 0) }
        itemsLeft -= 1
        state = .item
        return .read(hasWideItems ? 4 : 2)
    }

    /// An item's properties: indexes into `ipco`, under a bit that says whether the property is essential.
    private mutating func associate(_ item: UInt32, with piece: RawSpan) throws(EndOfBytes) {
        guard item == primaryItem || (primaryItem == nil && dimensionsOfItem.count < Self.mostKept) else { return }
        let width = hasWideIndexes ? 2 : 1
        for offset in stride(from: 0, to: piece.byteCount, by: width) {
            let index =
                hasWideIndexes
                ? Int(try piece.bigEndian(UInt16.self, at: offset) & 0x7FFF) : Int(try piece.byte(at: offset) & 0x7F)
            if let dimensions = extents[index] {
                dimensionsOfItem[item] = dimensions
                return
            }
        }
    }

    /// The visual sample entry after the eight bytes of `stsd` (ISO/IEC 14496-12, 12.1.3); a track of another kind is passed by.
    private mutating func sampleEntry(_ piece: RawSpan, payload: UInt64) throws(EndOfBytes) -> HeaderStep {
        switch try piece.code(at: 12) {
        case "av01", "hvc1", "hev1":
            let width = try piece.bigEndian(UInt16.self, at: 40)
            return .found(PixelDimensions(width, try piece.bigEndian(UInt16.self, at: 42)))
        default:
            return boxOrAnswer(after: payload)
        }
    }
}
