/// Percent-encoding (RFC 3986, 2.1) on bytes.
enum PercentEncoding {
    /// `text` with each `%XX` replaced by its byte, once; nil where a `%` starts no escape.
    static func decode(_ text: ArraySlice<UInt8>, plusIsSpace: Bool = false) -> [UInt8]? {
        let text = text.span
        var decoded: [UInt8] = []
        decoded.reserveCapacity(text.count)
        var index = 0
        while index < text.count {
            let byte = text[index]
            index += 1
            switch byte {
            case UInt8(ascii: "%"):
                guard index + 1 < text.count, let high = URIText.hexadecimalValue(text[index]),
                    let low = URIText.hexadecimalValue(text[index + 1])
                else { return nil }
                decoded.append(high << 4 | low)
                index += 2
            case UInt8(ascii: "+") where plusIsSpace: decoded.append(UInt8(ascii: " "))
            default: decoded.append(byte)
            }
        }
        return decoded
    }

    /// Whether `text`, in which a plus sign is a space, means `word`.
    static func means(_ word: String, _ text: ArraySlice<UInt8>) -> Bool {
        let isPlain = !text.contains { $0 == UInt8(ascii: "%") || $0 == UInt8(ascii: "+") }
        if isPlain { return text.elementsEqual(word.utf8) }
        // What cannot be decoded means nothing.
        return decode(text, plusIsSpace: true)?.elementsEqual(word.utf8) ?? false
    }

    /// `text` with every byte that `isAllowed` refuses escaped. Escapes that are there stay as they are written; a `%`
    /// that starts none is escaped itself.
    static func encode(_ text: ArraySlice<UInt8>, keeping isAllowed: (UInt8) -> Bool) -> [UInt8] {
        // Nearly always there is nothing to do.
        if text.allSatisfy(isAllowed) { return Array(text) }
        var encoded: [UInt8] = []
        encoded.reserveCapacity(text.count)
        for (index, byte) in zip(text.indices, text) {
            if isAllowed(byte) || (byte == UInt8(ascii: "%") && isEscape(text[index...])) {
                encoded.append(byte)
            } else {
                encoded += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 0xf)]]
            }
        }
        return encoded
    }

    /// `text` as one part of a URI, like `encodeURIComponent`: with every byte escaped that `isAllowed` refuses, escapes
    /// too, so that decoding gives it back.
    static func encodeComponent(
        _ text: String, keeping isAllowed: (UInt8) -> Bool = { URIText.isLetterOrDigit($0) || unreserved.contains($0) }
    ) -> String {
        let encoded = text.utf8.flatMap { byte in
            isAllowed(byte) ? [byte] : [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 0xf)]]
        }
        return String(decoding: encoded, as: UTF8.self)
    }

    /// What RFC 3986, 2.3 leaves alone beside letters and digits.
    private static let unreserved = Array("-._~".utf8)

    private static func isEscape(_ text: ArraySlice<UInt8>) -> Bool {
        let digits = text.dropFirst().prefix(2)
        return digits.count == 2 && digits.allSatisfy { URIText.hexadecimalValue($0) != nil }
    }

    private static let digits = Array("0123456789ABCDEF".utf8)
}
