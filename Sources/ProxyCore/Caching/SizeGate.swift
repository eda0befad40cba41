/// Decides by size alone whether an image is cached.
public struct SizeGate: Equatable, Sendable {
    /// The most bytes that are cached.
    public let limit: Int

    public init(limit: Int) { self.limit = limit }

    /// Whether an image of `size` bytes is cached. One that is exactly as large as the limit is.
    public func admits(_ size: Int) -> Bool { size <= limit }
}
