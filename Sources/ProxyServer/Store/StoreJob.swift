import ProxyCore

/// What is left to do for the cache when a response has ended. It owns copies only, and nothing of the request.
struct StoreJob: Sendable {
    let urlText: String
    let requestIdentifier: String
    let type: MediaType
    let dimensions: PixelDimensions?
    /// Unix milliseconds of the fetch.
    let fetchedAt: Int64
    /// The image, or the reason why it was not kept.
    let image: TeeBuffer
}
