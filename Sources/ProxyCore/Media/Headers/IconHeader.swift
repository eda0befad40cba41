/// The directory of an icon: its largest image counts.
struct IconHeader: HeaderReader {
    let opening = 6
    private var entriesLeft: Int?
    private var largest = PixelDimensions(width: 0, height: 0)

    mutating func next(_ piece: RawSpan) throws(EndOfBytes) -> HeaderStep {
        guard let count = entriesLeft else {
            let count = Int(try piece.littleEndian(UInt16.self, at: 4))
            entriesLeft = count
            return count > 0 ? .read(16) : .unknown
        }
        let entry = PixelDimensions(Self.length(try piece.byte(at: 0)), Self.length(try piece.byte(at: 1)))
        if entry.width * entry.height > largest.width * largest.height { largest = entry }
        entriesLeft = count - 1
        return count > 1 ? .read(16) : .found(largest)
    }

    /// A byte holds 1 to 256: 0 is 256.
    private static func length(_ byte: UInt8) -> Int { byte == 0 ? 256 : Int(byte) }
}
