internal import CCurl

/// A `curl_slist` of request header lines, owned.
@safe final class CurlHeaderList {
    private let library: CurlLibrary
    private(set) var list: UnsafeMutablePointer<curl_slist>?

    /// Lines with CR, LF or NUL would be a second header: they are ours, so that is a mistake of ours.
    init(_ lines: [String], library: CurlLibrary) {
        self.library = library
        for line in lines {
            precondition(!line.utf8.contains { $0 < 0x20 && $0 != 0x09 }, "a control byte in a request header")
            if let longer = unsafe library.api.pointee.slist_append(list, line) { unsafe list = longer }
        }
    }

    deinit { unsafe library.api.pointee.slist_free_all(list) }
}
