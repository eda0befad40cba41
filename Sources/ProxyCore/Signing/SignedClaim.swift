/// A request that says it is signed: what is to be verified, and what it asks for if it is.
///
/// A claim is taken apart without looking at the signature, and nothing in it is believed, or complained about, before that
/// is verified.
struct SignedClaim {
    let dialect: Configuration.Dialect
    /// The signature, decoded. It may be the beginning of one where the dialect allows that.
    let signature: [UInt8]
    /// What may have been signed: one of these.
    let messages: [[UInt8]]
    let content: Result<Content, ImageRequestError>

    struct Content: Equatable {
        var source: Source
        /// Unix seconds, the last one in which it is valid.
        var expires: Int64?
    }

    enum Source: Equatable {
        case url([UInt8])
        /// An initialisation vector and an encrypted URL.
        case encrypted([UInt8])
    }

    init(
        _ dialect: Configuration.Dialect, signature: [UInt8], messages: [[UInt8]],
        _ content: () throws(ImageRequestError) -> Content
    ) {
        self.dialect = dialect
        self.signature = signature
        self.messages = messages
        self.content = Result { () throws(ImageRequestError) in try content() }
    }

    static func hasFragment(_ url: some Collection<UInt8>) -> Bool { url.contains(UInt8(ascii: "#")) }

    /// A time as signed URLs have it: Unix seconds, as digits without leading zeros.
    static func time(_ text: some Collection<UInt8>) throws(ImageRequestError) -> Int64 {
        guard 1...12 ~= text.count, text.first != UInt8(ascii: "0"), text.allSatisfy(URIText.isDigit) else {
            throw .malformed
        }
        return text.reduce(0) { $0 * 10 + Int64($1 - UInt8(ascii: "0")) }
    }
}

extension Configuration.Dialect {
    /// The hash that the dialect signs with.
    var hash: SigningHash {
        switch self {
        case .own, .imgproxy, .willnorris: .sha256
        case .camo, .thumbor: .sha1
        }
    }

    /// Whether a URL of the dialect can say until when it is valid.
    public var canExpire: Bool {
        switch self {
        case .own, .imgproxy, .willnorris: true
        case .camo, .thumbor: false
        }
    }

    /// Whether a signature of it may be one of another dialect, too. What willnorris signs ends in a fragment, which has the
    /// options: in our own form that would be a URL without them, valid for ever. So one with a fragment is none of either.
    var sharesKeysAndHash: Bool {
        switch self {
        case .own, .willnorris: true
        // Keys of its own; and two that sign nothing but the URL, and the options before it.
        case .imgproxy, .camo, .thumbor: false
        }
    }

    /// Whether its URLs have the image in the path.
    var usesPath: Bool { self != .own }
}
