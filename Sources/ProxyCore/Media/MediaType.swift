/// The image types that are served.
public enum MediaType: String, Sendable, Hashable, CaseIterable {
    case png, jpeg, gif, webp, avif, heic, bmp, ico, tiff, svg, jxl

    /// The `Content-Type` that the image is served with.
    ///
    /// An icon is `image/x-icon`: it is what the WHATWG MIME Sniffing Standard (6.1) computes for its bytes and what web
    /// servers send for `.ico`. IANA's `image/vnd.microsoft.icon` names the same bytes and is understood by
    /// ``init(label:)``.
    public var contentType: String {
        switch self {
        case .png: "image/png"
        case .jpeg: "image/jpeg"
        case .gif: "image/gif"
        case .webp: "image/webp"
        case .avif: "image/avif"
        case .heic: "image/heic"
        case .bmp: "image/bmp"
        case .ico: "image/x-icon"
        case .tiff: "image/tiff"
        case .svg: "image/svg+xml"
        case .jxl: "image/jxl"
        }
    }
}
