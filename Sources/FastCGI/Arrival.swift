import Glibc

/// What waits to be read on a connection, looked at and left there.
enum Arrival {
    /// A whole request: reading it will not have to wait.
    case request
    /// The beginning of one, or one too long to be looked at.
    case part
    case nothing
    /// The peer has closed the connection, or it has failed.
    case end

    /// How much of what waits has to be looked at. A web server sends one or two kilobytes, and a few more where there are
    /// cookies.
    static let longest = 16 << 10

    /// Looks at a connection through `window`, which is written over. One system call, which never waits.
    init(on descriptor: Int32, through window: UnsafeMutableRawBufferPointer) {
        let count = unsafe recv(descriptor, window.baseAddress, window.count, Int32(MSG_PEEK | MSG_DONTWAIT))
        if count > 0 {
            self = unsafe Self.isWhole(UnsafeRawBufferPointer(rebasing: window[..<count]).bytes) ? .request : .part
        } else {
            self = count < 0 && (errno == EAGAIN || errno == EINTR) ? .nothing : .end
        }
    }

    /// Whether these bytes are a request for a responder, up to the empty FCGI_STDIN record that ends it (FastCGI 1.0, 3.3
    /// and 5.1 to 5.3). What is not sure to be one is none: libfcgi would wait for the rest.
    private static func isWhole(_ bytes: RawSpan) -> Bool {
        var start = 0
        var expected = RecordHeader.Kind.beginRequest
        var identifier: UInt16?
        while start + headerLength <= bytes.byteCount {
            let header = unsafe bytes.unsafeLoadUnaligned(fromByteOffset: start, as: RecordHeader.self)
            guard header.isValid, header.type == expected.rawValue,
                identifier ?? header.requestIdentifier == header.requestIdentifier
            else { return false }
            identifier = header.requestIdentifier
            start += headerLength + header.contentCount + Int(header.paddingLength)
            switch expected {
            case .beginRequest: expected = .params
            case .params: if header.contentCount == 0 { expected = .stdin }
            default: if header.contentCount == 0 { return start <= bytes.byteCount }
            }
        }
        return false
    }

    private static let headerLength = MemoryLayout<RecordHeader>.size
}
