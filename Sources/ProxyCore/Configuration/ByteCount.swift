/// A number of bytes, never negative: `5MiB`, `512KiB`, `1000`.
public struct ByteCount: Sendable, Hashable, Comparable {
    public static let zero = ByteCount(0)

    public let bytes: Int

    /// `bytes` is ours, not a peer's: a negative one is a mistake of the caller's.
    public init(_ bytes: Int) {
        precondition(bytes >= 0, "a byte count is never negative")
        self.bytes = bytes
    }

    public static func kibibytes(_ count: Int) -> ByteCount { ByteCount(count * Unit.kibibyte) }
    public static func mebibytes(_ count: Int) -> ByteCount { ByteCount(count * Unit.mebibyte) }
    public static func gibibytes(_ count: Int) -> ByteCount { ByteCount(count * Unit.gibibyte) }

    /// Reads `5MiB`, `512KiB`, `2GiB` or plain bytes; nil for anything else and for what an `Int` cannot hold.
    public init?(_ text: some StringProtocol) {
        guard let (number, suffix) = ConfigurationText.leadingNumber(of: text), let unit = Unit.named(suffix) else {
            return nil
        }
        let (bytes, overflow) = number.multipliedReportingOverflow(by: unit)
        guard !overflow else { return nil }
        self.bytes = bytes
    }

    public static func < (left: ByteCount, right: ByteCount) -> Bool { left.bytes < right.bytes }

    private enum Unit {
        static let kibibyte = 1 << 10
        static let mebibyte = 1 << 20
        static let gibibyte = 1 << 30

        static func named(_ suffix: String) -> Int? {
            switch suffix {
            case "": 1
            case "KiB": kibibyte
            case "MiB": mebibyte
            case "GiB": gibibyte
            default: nil
            }
        }
    }
}

extension ByteCount: CustomStringConvertible {
    /// The shortest text that reads back as exactly this many bytes.
    public var description: String {
        if bytes == 0 { return "0" }
        if bytes.isMultiple(of: Unit.gibibyte) { return "\(bytes / Unit.gibibyte)GiB" }
        if bytes.isMultiple(of: Unit.mebibyte) { return "\(bytes / Unit.mebibyte)MiB" }
        if bytes.isMultiple(of: Unit.kibibyte) { return "\(bytes / Unit.kibibyte)KiB" }
        return "\(bytes)"
    }
}
