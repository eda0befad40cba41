import ProxyCore

/// Leaves the bytes of hits to the web server, which reads them from the embedded store itself: it is told the file in a
/// header field that goes no further, and no byte of the image passes through here.
///
/// Only whole images that are too long to be read at once. Parts are sent by us: which part, we have judged, and a web server
/// that judged once more would know neither the validators nor the length by which to.
struct Handover: Sendable {
    private let field: String
    /// What stands before the name of a file.
    private let prefix: String

    /// Nil where nothing is handed over.
    init?(_ settings: Configuration.Cache) {
        guard let handover = settings.handover, case .directory(let path) = settings.store else { return nil }
        switch handover {
        case .accelRedirect(let prefix): (field, self.prefix) = ("X-Accel-Redirect", prefix)
        case .sendfile: (field, prefix) = ("X-Sendfile", Self.encoded(FileFolder(path).bodies) + "/")
        }
    }

    /// Both servers decode what they are told (RFC 3986, 2.1).
    private static func encoded(_ path: String) -> String {
        path.split(separator: "%", omittingEmptySubsequences: false).joined(separator: "%25")
    }

    /// The name of the file with the image's bytes, where the web server may send all of it.
    func name(of image: CachedImage, for exchange: Exchange) -> String? {
        guard let name = image.body.handedOver, !exchange.writer.dropsBody, exchange.request.param("HTTP_RANGE") == nil
        else { return nil }
        return name
    }

    /// The head by which the web server sends the file. It has no length: that of the response is the file's.
    func head(_ head: ResponseHead, naming name: String) -> ResponseHead {
        var head = head
        head.contentLength = nil
        head.fields.append((field, prefix + name))
        return head
    }
}
