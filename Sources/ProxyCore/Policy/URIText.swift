/// The character classes of RFC 3986 and the few numbers that occur in an authority, on bytes.
enum URIText {
    static func isDigit(_ byte: UInt8) -> Bool {
        UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte
    }

    static func isLetter(_ byte: UInt8) -> Bool {
        UInt8(ascii: "a")...UInt8(ascii: "z") ~= lowercased(byte)
    }

    static func isLetterOrDigit(_ byte: UInt8) -> Bool {
        isLetter(byte) || isDigit(byte)
    }

    /// What a path segment holds besides `%XX` (RFC 3986, 3.3), and the slash.
    static func isPathCharacter(_ byte: UInt8) -> Bool { pathCharacters.contains(byte) }

    /// What a query holds besides `%XX` (RFC 3986, 3.4).
    static func isQueryCharacter(_ byte: UInt8) -> Bool {
        isPathCharacter(byte) || byte == UInt8(ascii: "?")
    }

    private static let pathCharacters = ASCIISet(lettersDigitsAnd: "-._~!$&'()*+,;=:@/")

    /// ASCII lower case; other bytes stay.
    static func lowercased(_ byte: UInt8) -> UInt8 {
        UInt8(ascii: "A")...UInt8(ascii: "Z") ~= byte ? byte | 0x20 : byte
    }

    /// Whether `text` is `word`, which is in lower case, but for the case of its letters.
    static func isWord(_ word: String, _ text: ArraySlice<UInt8>) -> Bool {
        text.count == word.utf8.count && text.elementsEqual(word.utf8) { lowercased($0) == $1 }
    }

    /// The value of one hexadecimal digit.
    static func hexadecimalValue(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }

    /// One to four hexadecimal digits: a group of an IPv6 address.
    static func hexadecimalGroup(_ text: ArraySlice<UInt8>) -> UInt16? {
        guard 1...4 ~= text.count else { return nil }
        var value: UInt16 = 0
        for byte in text {
            guard let digit = hexadecimalValue(byte) else { return nil }
            value = value << 4 | UInt16(digit)
        }
        return value
    }

    /// A decimal number without sign or leading zeros. `limit` has at most five digits.
    static func decimal(_ text: ArraySlice<UInt8>, atMost limit: Int) -> Int? {
        guard 1...5 ~= text.count, text.count == 1 || text.first != UInt8(ascii: "0") else { return nil }
        var value = 0
        for byte in text {
            guard isDigit(byte) else { return nil }
            value = value * 10 + Int(byte - UInt8(ascii: "0"))
        }
        return value <= limit ? value : nil
    }

    /// A port that can be dialled: 1 to 65535, without leading zeros.
    static func port(_ text: ArraySlice<UInt8>) -> UInt16? {
        guard let value = decimal(text, atMost: 65535), value > 0 else { return nil }
        return UInt16(value)
    }
}
