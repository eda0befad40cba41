/// One word of a command: any bytes at all, so a key with spaces, CR LF or NUL is one word like every other.
public struct RedisArgument: Sendable, Hashable, ExpressibleByStringLiteral {
    /// What Redis receives.
    public let bytes: [UInt8]

    /// The bytes as they are.
    public init(_ bytes: [UInt8]) { self.bytes = bytes }
    /// The UTF-8 of a text.
    public init(_ text: String) { bytes = Array(text.utf8) }
    /// A number in decimal.
    public init(_ number: Int) { self.init(String(number)) }
    /// A time in whole milliseconds, at least one: Redis refuses an expiry of none.
    public init(milliseconds time: Duration) {
        let (seconds, attoseconds) = time.components
        let whole = Int(min(max(seconds, 0), 1 << 42)) * 1000
        self.init(max(1, whole + Int(attoseconds / 1_000_000_000_000_000)))
    }
    /// The UTF-8 of a literal, for the names of commands and options.
    public init(stringLiteral text: String) { self.init(text) }
}
