/// What a client asked for: QUERY_STRING made typed.
public struct ImageRequest: Sendable {
    /// The `url` parameter, decoded once and otherwise verbatim: what cache keys are made of, here and in the application
    /// that shares the cache.
    ///
    /// Compare and key it by its UTF-8: to `String`, two URLs that differ in Unicode normalisation alone are equal, and
    /// they are different sources.
    public let urlText: String
    /// The same URL parsed: what is judged and fetched.
    public let source: SourceURL

    /// Reads the parameters of an image request. Those it does not know change nothing.
    public init(queryString: String) throws(ImageRequestError) {
        try self.init(urlText: try Self.urlText(inQuery: queryString))
    }

    /// A request for the image at a URL that is decoded already.
    public init(urlText: String) throws(ImageRequestError) {
        do {
            source = try SourceURL(urlText)
        } catch {
            throw ImageRequestError(error)
        }
        self.urlText = urlText
    }

    /// The `url` parameter, which must be there.
    static func urlText(inQuery query: String) throws(ImageRequestError) -> String {
        let urlText: String?
        do {
            urlText = try QueryString(query).value(of: "url")
        } catch {
            throw ImageRequestError(error)
        }
        guard let urlText else { throw .missing }
        guard !urlText.isEmpty else { throw .empty }
        return urlText
    }
}

/// Why a request names no image that could be asked for.
public enum ImageRequestError: Error, Sendable, Hashable {
    /// There is no `url`.
    case missing
    /// `url` has no value.
    case empty
    /// `url` is there more than once.
    case repeated
    /// `url` is not an absolute http or https URL that can be read in one way only.
    case malformed
    /// The query string or `url` is too long.
    case tooLong
    /// A signed URL asks for a change of the image that cannot be made.
    case unsupportedOption
    /// `url` is well-formed, and of a kind that is never fetched; or it had to be signed.
    case denied(SourceDenial)

    init(_ error: QueryStringError) {
        switch error {
        case .tooLong: self = .tooLong
        case .repeated: self = .repeated
        case .malformed: self = .malformed
        }
    }

    init(_ error: SourceURLError) {
        switch error {
        case .tooLong: self = .tooLong
        case .scheme: self = .denied(.scheme)
        case .userinfo: self = .denied(.userinfo)
        case .forbiddenCharacter, .notAbsolute, .host, .port: self = .malformed
        }
    }
}
