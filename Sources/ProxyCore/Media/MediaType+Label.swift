extension MediaType {
    /// The type that a `Content-Type` field value names, or nil when it names none that is served.
    ///
    /// The value must be one media type by the grammar of RFC 9110, 8.3.1. Parameters are checked and then ignored. A list, a
    /// control byte or anything else that two readers could read in two ways is no label at all.
    public init?(label: String) {
        // As nearly everybody writes it, and every record has it.
        if let type = Self.essences[label] {
            self = type
            return
        }
        var parser = MediaTypeParser(Array(label.utf8))
        guard let essence = parser.parse(), let type = Self.essences[essence] else { return nil }
        self = type
    }

    /// `type/subtype` in lower case: the registered names, and those that servers have been sending for years.
    private static let essences: [String: MediaType] = [
        "image/png": .png, "image/x-png": .png, "image/apng": .png, "image/vnd.mozilla.apng": .png,
        "image/jpeg": .jpeg, "image/jpg": .jpeg, "image/pjpeg": .jpeg, "image/x-jpeg": .jpeg, "image/x-jpg": .jpeg,
        "image/jfif": .jpeg,
        "image/gif": .gif, "image/x-gif": .gif,
        "image/webp": .webp, "image/x-webp": .webp,
        "image/avif": .avif, "image/avif-sequence": .avif,
        "image/heic": .heic, "image/heif": .heic, "image/heic-sequence": .heic, "image/heif-sequence": .heic,
        "image/bmp": .bmp, "image/x-bmp": .bmp, "image/x-ms-bmp": .bmp, "image/x-windows-bmp": .bmp,
        "image/x-icon": .ico, "image/vnd.microsoft.icon": .ico, "image/ico": .ico, "image/icon": .ico,
        "image/x-ico": .ico,
        "image/tiff": .tiff, "image/tif": .tiff, "image/x-tiff": .tiff, "image/x-tif": .tiff,
        "image/svg+xml": .svg, "image/svg": .svg,
        "image/jxl": .jxl, "image/x-jxl": .jxl,
    ]
}

/// `media-type = type "/" subtype parameters` (RFC 9110, 8.3.1), over the octets of a field value.
private struct MediaTypeParser {
    private let bytes: [UInt8]
    private var index = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// `type/subtype` in lower case, when the whole value is a media type.
    mutating func parse() -> String? {
        skipWhiteSpace()
        guard let type = token(), skip("/"), let subtype = token(), parameters() else { return nil }
        let essence = type + [UInt8(ascii: "/")] + subtype
        return String(decoding: essence.map { $0.asciiLowercased }, as: UTF8.self)
    }

    /// `*( OWS ";" OWS [ parameter ] )` up to the end of the value (RFC 9110, 5.6.6); white space around the value is not
    /// part of it (RFC 9110, 5.5).
    private mutating func parameters() -> Bool {
        skipWhiteSpace()
        while skip(";") {
            skipWhiteSpace()
            if token() != nil, !(skip("=") && (token() != nil || quotedString())) { return false }
            skipWhiteSpace()
        }
        return index == bytes.count
    }

    /// `1*tchar` (RFC 9110, 5.6.2)
    private mutating func token() -> [UInt8]? {
        let start = index
        while let byte = current, byte.isTokenCharacter { index += 1 }
        return index > start ? Array(bytes[start..<index]) : nil
    }

    /// `DQUOTE *( qdtext / quoted-pair ) DQUOTE` (RFC 9110, 5.6.4)
    private mutating func quotedString() -> Bool {
        guard skip("\"") else { return false }
        while let byte = current {
            index += 1
            if byte == UInt8(ascii: "\"") { return true }
            if byte == UInt8(ascii: "\\") {
                guard let escaped = current, escaped.isFieldCharacter else { return false }
                index += 1
            } else if !byte.isFieldCharacter {
                return false
            }
        }
        return false
    }

    private var current: UInt8? { index < bytes.count ? bytes[index] : nil }

    private mutating func skip(_ character: Unicode.Scalar) -> Bool {
        guard current == UInt8(ascii: character) else { return false }
        index += 1
        return true
    }

    private mutating func skipWhiteSpace() {
        while current == UInt8(ascii: " ") || current == UInt8(ascii: "\t") { index += 1 }
    }
}

extension UInt8 {
    /// `tchar` (RFC 9110, 5.6.2)
    fileprivate var isTokenCharacter: Bool {
        switch self {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: "!#$%&'*+-.^_`|~".utf8.contains(self)
        }
    }

    /// `HTAB / SP / VCHAR / obs-text`: what may stand in a quoted string, its delimiters apart.
    fileprivate var isFieldCharacter: Bool { self == 0x09 || (self >= 0x20 && self != 0x7F) }
}
