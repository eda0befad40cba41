/// Lengths as SVG's attributes spell them.
enum SVGLength {
    /// Of an absolute length, its CSS pixels (CSS Values 4, 6.2); nil for what depends on where the image is shown.
    static func pixels(_ text: String) -> Double? {
        var rest = trimmed(text.utf8)
        guard let number = takeNumber(&rest), number > 0 else { return nil }
        return switch String(decoding: rest.map(\.asciiLowercased), as: UTF8.self) {
        case "", "px": number
        case "in": number * 96
        case "cm": number * 96 / 2.54
        case "mm": number * 96 / 25.4
        case "q": number * 96 / 101.6
        case "pt": number * 96 / 72
        case "pc": number * 16
        default: nil
        }
    }

    /// The width and height of a `viewBox`: the last of four numbers with white space or a comma between them.
    static func viewBoxSize(_ text: String) -> (width: Double, height: Double)? {
        var rest = trimmed(text.utf8)
        var numbers: [Double] = []
        while numbers.count < 4, let number = takeNumber(&rest) {
            numbers.append(number)
            rest = trimmed(rest)
            if rest.first == UInt8(ascii: ",") { rest = trimmed(rest.dropFirst()) }
        }
        guard numbers.count == 4, rest.isEmpty, numbers[2] > 0, numbers[3] > 0 else { return nil }
        return (numbers[2], numbers[3])
    }

    /// `[+-]? (digits ("." digits?)? | "." digits) ([eE] [+-]? digits)?`; the `e` of "1em" is a unit's.
    private static func takeNumber(_ text: inout Substring.UTF8View) -> Double? {
        var end = text.startIndex
        func skip(_ isWanted: (UInt8) -> Bool) -> Int {
            let start = end
            while end < text.endIndex, isWanted(text[end]) { text.formIndex(after: &end) }
            return text.distance(from: start, to: end)
        }
        func skipOne(of characters: String) -> Bool {
            guard end < text.endIndex, characters.utf8.contains(text[end]) else { return false }
            text.formIndex(after: &end)
            return true
        }

        _ = skipOne(of: "+-")
        var digits = skip(\.isDigit)
        if skipOne(of: ".") { digits += skip(\.isDigit) }
        guard digits > 0 else { return nil }
        let mantissaEnd = end
        if skipOne(of: "eE") {
            _ = skipOne(of: "+-")
            if skip(\.isDigit) == 0 { end = mantissaEnd }
        }
        guard let number = Double(Substring(text[..<end])), number.isFinite else { return nil }
        text = text[end...]
        return number
    }

    private static func trimmed(_ text: some Collection<UInt8>) -> Substring.UTF8View {
        var rest = Substring(decoding: text, as: UTF8.self).utf8
        while let first = rest.first, first.isXMLSpace { rest.removeFirst() }
        while let last = rest.last, last.isXMLSpace { rest.removeLast() }
        return rest
    }
}
