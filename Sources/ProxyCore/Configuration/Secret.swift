/// A text that must not be seen: a signing key, a password. However it is printed, dumped or mirrored, alone or inside
/// another value, it reads `<redacted>`; the text itself leaves only through `reveal()` and `withValue(_:)`.
public struct Secret: Sendable {
    /// What stands in place of every secret.
    public static let redacted = "<redacted>"

    private let value: String

    public init(_ value: String) { self.value = value }

    /// The text itself, for the one place that needs to keep it.
    public func reveal() -> String { value }

    /// Hands the text to `body`, for uses that need not keep it.
    public func withValue<Result, Failure: Error>(_ body: (String) throws(Failure) -> Result) throws(Failure) -> Result
    {
        try body(value)
    }
}

extension Secret: Equatable {
    /// Looks at every byte whatever the first difference, so that the time taken says nothing about where it is.
    public static func == (left: Secret, right: Secret) -> Bool {
        guard left.value.utf8.count == right.value.utf8.count else { return false }
        return zip(left.value.utf8, right.value.utf8).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0
    }
}

extension Secret: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    public var description: String { Self.redacted }
    public var debugDescription: String { Self.redacted }
    public var customMirror: Mirror { Mirror(self, children: EmptyCollection<Mirror.Child>()) }
}
