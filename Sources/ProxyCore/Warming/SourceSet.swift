/// The value of a `srcset` attribute: image candidates, separated by commas (HTML, 4.8.4.2.1).
enum SourceSet {
    /// The URLs of the candidates, in order. A URL may hold commas, but neither begin nor end with one.
    static func urls(in text: [UInt8]) -> [[UInt8]] {
        var urls: [[UInt8]] = []
        var rest = text[...]
        while true {
            rest = rest.drop { MarkupScanner.isSpace($0) || $0 == comma }
            guard !rest.isEmpty else { return urls }
            let word = rest.prefix { !MarkupScanner.isSpace($0) }
            rest = rest[word.endIndex...]
            var url = word
            while url.last == comma { url.removeLast() }
            urls.append(Array(url))
            if url.count == word.count { rest = withoutDescriptors(rest) }
        }
    }

    private static let comma = UInt8(ascii: ",")

    /// What follows the comma behind a candidate's descriptors. A comma between parentheses ends nothing.
    private static func withoutDescriptors(_ text: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        var isInParentheses = false
        for (index, byte) in zip(text.indices, text) {
            switch byte {
            case UInt8(ascii: "("): isInParentheses = true
            case UInt8(ascii: ")"): isInParentheses = false
            case comma where !isInParentheses: return text[(index + 1)...]
            default: break
            }
        }
        return []
    }
}
