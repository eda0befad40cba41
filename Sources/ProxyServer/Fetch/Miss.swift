import ProxyCore

/// A request that the cache could not answer, on its way to the origin or to another's answer.
struct Miss: @unchecked Sendable {
    // Sendable because it is handed on under a lock: whoever takes it out is the only one who knows of it.
    let exchange: Exchange
    let image: ImageRequest
    /// What the cache has, and may not be served as it is.
    var stale: StaleImage?
    /// Why the cache could not answer.
    var reason = CacheStatus.Forward.uriMiss
    /// Whether the cache has a record of it, in whatever state.
    var isInCache = false
    /// Its client wants to hear from the origin: an answer that came before it did will not do.
    var mustValidate = false
    /// It has waited for another's fetch in vain, or had better not: it asks for itself.
    var isApart = false
    let since = ContinuousClock.now

    /// The same, to be fetched for itself alone if the cache still has nothing.
    var apart: Miss {
        var miss = self
        miss.isApart = true
        return miss
    }
}

/// An image in the cache that has to be validated before it is served: what is known of it, without its bytes.
struct StaleImage {
    let cached: CachedImage
    let response: StoredResponse

    /// Nil when the cache has nothing that could be validated or served any more.
    init?(_ cached: CachedImage, _ response: StoredResponse, at now: Int64) {
        let isOfUse = response.use(at: now) != .unusable || response.validators != Validators()
        guard isOfUse else { return nil }
        self.cached = cached.withoutBody()
        self.response = response
    }
}
