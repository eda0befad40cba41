extension CurlTransfer {
    public struct Settings: Sendable {
        /// Complete header lines that every request carries.
        public var requestHeaders: [String]
        /// Names, in lower case, of the response fields that are kept.
        public var keptFields: Set<String>
        /// PEM file of certificate authorities; nil is the system's.
        public var certificateAuthorities: String?
        public var userAgent: String

        public init(
            requestHeaders: [String], keptFields: Set<String>, certificateAuthorities: String?, userAgent: String
        ) {
            self.requestHeaders = requestHeaders
            self.keptFields = keptFields
            self.certificateAuthorities = certificateAuthorities
            self.userAgent = userAgent
        }
    }

    /// Limits of one transfer. `firstByteBy` and `totalBy` are points in time, since redirects share them.
    public struct Limits: Sendable {
        public var connect: Duration
        public var firstByteBy: ContinuousClock.Instant
        public var stall: Duration
        public var totalBy: ContinuousClock.Instant

        public init(
            connect: Duration, firstByteBy: ContinuousClock.Instant, stall: Duration, totalBy: ContinuousClock.Instant
        ) {
            self.connect = connect
            self.firstByteBy = firstByteBy
            self.stall = stall
            self.totalBy = totalBy
        }
    }

    /// Where the time of a transfer went.
    public struct Timings: Sendable {
        public var nameLookup = Duration.zero
        public var connect = Duration.zero
        public var tls = Duration.zero
        public var firstByte = Duration.zero
    }

    /// Loads libcurl, which the first transfer would do otherwise: for a process that will need it, and that may be out
    /// of descriptors by then.
    public static func prepare() throws(CurlError) { _ = try CurlLibrary.load() }
}

extension Duration {
    /// Whole milliseconds, rounded down.
    var milliseconds: Int {
        Int(clamping: components.seconds) * 1000 + Int(components.attoseconds / 1_000_000_000_000_000)
    }
}
