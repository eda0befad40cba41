/// A descriptor for epoll, and what has to be known of it when it is ready.
struct Connection {
    let descriptor: Int32
    let isUnix: Bool
    /// Accepted although there is no place for it.
    let isSurplus: Bool
    /// Whether epoll knows it, as it does from the first time that it is left there.
    let isWatched: Bool

    private static let unixTag: UInt64 = 1 << 32
    private static let surplusTag: UInt64 = 1 << 33

    init(_ descriptor: Int32, isUnix: Bool = false, isSurplus: Bool = false, isWatched: Bool = false) {
        self.descriptor = descriptor
        self.isUnix = isUnix
        self.isSurplus = isSurplus
        self.isWatched = isWatched
    }

    init(tag: UInt64) {
        self.init(
            Int32(truncatingIfNeeded: tag), isUnix: tag & Self.unixTag != 0, isSurplus: tag & Self.surplusTag != 0,
            isWatched: true)
    }

    var tag: UInt64 {
        UInt64(UInt32(bitPattern: descriptor)) | (isUnix ? Self.unixTag : 0) | (isSurplus ? Self.surplusTag : 0)
    }
}
