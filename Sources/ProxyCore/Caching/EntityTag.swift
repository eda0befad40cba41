/// An entity tag (RFC 9110, 8.8.3): `"abc"`, or `W/"abc"` for a weak one.
public struct EntityTag: Hashable, Sendable {
    /// The longest tag that is kept, between its quotes.
    public static let maximumLength = 128

    public let isWeak: Bool
    /// What is between the quotes.
    public let opaque: String

    /// Reads a field value. Nil for what is no tag, is too long, or has other characters than visible ASCII: it will be
    /// sent to clients and to the origin, and must not be able to end a header field there.
    public init?(_ field: String) { self.init(FieldText.trimmed(Array(field.utf8)[...])) }

    /// Makes a tag of what is to stand between its quotes, by the same rules.
    public init?(opaque: String, isWeak: Bool = false) {
        guard Self.isOpaque(opaque.utf8) else { return nil }
        self.isWeak = isWeak
        self.opaque = opaque
    }

    init?(_ text: ArraySlice<UInt8>) {
        // The W is case-sensitive.
        isWeak = text.starts(with: "W/".utf8)
        let quoted = text.dropFirst(isWeak ? 2 : 0)
        let opaque = quoted.dropFirst().dropLast()
        let quote = UInt8(ascii: "\"")
        guard quoted.count >= 2, quoted.first == quote, quoted.last == quote, Self.isOpaque(opaque) else { return nil }
        self.opaque = String(decoding: opaque, as: UTF8.self)
    }

    private static func isOpaque(_ bytes: some Collection<UInt8>) -> Bool {
        bytes.count <= maximumLength && bytes.allSatisfy { 0x21...0x7e ~= $0 && $0 != UInt8(ascii: "\"") }
    }

    /// The tag as it stands in a field.
    public var text: String { (isWeak ? "W/\"" : "\"") + opaque + "\"" }

    /// The weak comparison (RFC 9110, 8.8.3.2): good enough to keep a whole representation.
    public func matchesWeakly(_ other: EntityTag) -> Bool { opaque == other.opaque }

    /// The strong comparison (RFC 9110, 8.8.3.2): byte for byte the same, so that parts of both fit together.
    public func matchesStrongly(_ other: EntityTag) -> Bool { !isWeak && !other.isWeak && opaque == other.opaque }
}
