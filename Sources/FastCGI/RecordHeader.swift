/// FCGI_Header of FastCGI 1.0, 3.3, as it stands on the wire. What we write has no padding.
struct RecordHeader: BitwiseCopyable {
    private let version: UInt8
    let type: UInt8
    /// Big-endian, as the content's length is.
    let requestIdentifier: UInt16
    private let contentLength: UInt16
    let paddingLength: UInt8
    private let reserved: UInt8

    enum Kind: UInt8 {
        case beginRequest = 1
        case endRequest = 3
        case params = 4
        case stdin = 5
        case stdout = 6
    }

    init(_ kind: Kind, _ count: Int, for requestIdentifier: UInt16) {
        version = 1
        type = kind.rawValue
        self.requestIdentifier = requestIdentifier.bigEndian
        contentLength = UInt16(count).bigEndian
        paddingLength = 0
        reserved = 0
    }

    /// Whether it is of the one version that there is.
    var isValid: Bool { version == 1 }

    /// Bytes of content.
    var contentCount: Int { Int(UInt16(bigEndian: contentLength)) }
}
