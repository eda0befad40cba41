/// Walks an XML document to the end of its root element's start tag, which must be `svg`, a byte at a time.
///
/// Memory is one token of bounded length. This is no validating parser: it refuses what is not SVG in UTF-8, and what it
/// accepts is still for the client's XML parser to judge. Entities are neither defined nor expanded.
struct SVGRootScanner: Sendable {
    enum Progress: Sendable {
        /// Before the root element's name has been read.
        case prologue
        /// The root element is `svg`; its attributes are being read.
        case rootElement
        /// The start tag has ended, and `attributes` is complete.
        case finished
        case failed
    }

    /// Of the root element, those that tell its size.
    private(set) var attributes: [String: String] = [:]

    private enum State {
        case misc, markup, instruction, declaration, comment
        case doctypeName, doctype, doctypeSubset, subsetComment
        case quoted(by: UInt8, inSubset: Bool)
        case rootName
        case tag, attributeName, equals, openingQuote
        case value(quote: UInt8), tagEnd
        case done(Progress)
    }

    private var state = State.misc
    private var utf8 = UTF8Validator()
    private var isAtStart = true
    /// The last four bytes of the current state, the newest lowest, in which its end mark is looked for.
    private var recent: UInt32 = 0
    private var token: [UInt8] = []
    private var attribute = ""

    /// The longest token that is kept: what is longer is no name, encoding or length.
    private static let longestToken = 256
    private static let sizeAttributes: Set = ["width", "height", "viewBox"]

    /// Takes the next byte of the document.
    mutating func consume(_ byte: UInt8) -> Progress {
        if case .done(let progress) = state { return progress }
        guard utf8.accepts(byte), byte >= 0x20 || byte.isXMLSpace else { return fail() }
        recent = recent << 8 | UInt32(byte)
        switch state {
        case .misc: misc(byte)
        case .markup: markup(byte)
        case .instruction: instruction(byte)
        case .declaration: declaration(byte)
        case .comment: if endsWith("-->") { enter(.misc) }
        case .doctypeName, .doctype, .doctypeSubset, .subsetComment, .quoted: doctype(byte)
        case .rootName: rootName(byte)
        case .tag, .attributeName, .equals, .openingQuote, .value, .tagEnd: startTag(byte)
        case .done: break
        }
        return progress
    }

    private var progress: Progress {
        switch state {
        case .misc, .markup, .instruction, .declaration, .comment: .prologue
        case .doctypeName, .doctype, .doctypeSubset, .subsetComment, .quoted, .rootName: .prologue
        case .tag, .attributeName, .equals, .openingQuote, .value, .tagEnd: .rootElement
        case .done(let progress): progress
        }
    }

    private mutating func enter(_ next: State) {
        state = next
        recent = 0
        token.removeAll(keepingCapacity: true)
    }

    @discardableResult private mutating func fail() -> Progress {
        enter(.done(.failed))
        return .failed
    }

    private mutating func keep(_ byte: UInt8) {
        if token.count <= Self.longestToken { token.append(byte) }
    }

    private func endsWith(_ mark: String) -> Bool {
        mark.utf8.reversed().enumerated().allSatisfy { recent >> UInt32($0 * 8) & 0xFF == UInt32($1) }
    }

    // MARK: The prologue (XML 1.0, productions 22 to 28)

    private mutating func misc(_ byte: UInt8) {
        if isAtStart {
            // Only the document's first character may be a byte order mark.
            if "\u{FEFF}".utf8.dropFirst(token.count).first == byte { return keep(byte) }
            guard token.isEmpty || token.count == 3 else { return _ = fail() }
            isAtStart = false
        }
        if byte == UInt8(ascii: "<") { enter(.markup) } else if !byte.isXMLSpace { fail() }
    }

    private mutating func markup(_ byte: UInt8) {
        switch byte {
        case UInt8(ascii: "?"): enter(.instruction)
        case UInt8(ascii: "!"): enter(.declaration)
        default:
            enter(.rootName)
            rootName(byte)
        }
    }

    private mutating func instruction(_ byte: UInt8) {
        keep(byte)
        guard endsWith("?>") else { return }
        if allowsUTF8 { enter(.misc) } else { fail() }
    }

    /// False when the instruction in `token` is an XML declaration that names another encoding (productions 23 and 80).
    private var allowsUTF8: Bool {
        let words = token.dropLast(2).split { $0.isXMLSpace || "=\"'".utf8.contains($0) }
            .map { String(decoding: $0.map(\.asciiLowercased), as: UTF8.self) }
        guard words.first == "xml" else { return true }
        guard token.count <= Self.longestToken else { return false }
        guard let name = words.firstIndex(of: "encoding") else { return true }
        return name + 1 < words.count && ["utf-8", "utf8", "us-ascii", "ascii"].contains(words[name + 1])
    }

    private mutating func declaration(_ byte: UInt8) {
        keep(byte)
        if token.elementsEqual("--".utf8) {
            enter(.comment)
        } else if token.elementsEqual("DOCTYPE".utf8) {
            enter(.doctypeName)
        } else if !"--".utf8.starts(with: token), !"DOCTYPE".utf8.starts(with: token) {
            fail()
        }
    }

    private mutating func doctype(_ byte: UInt8) {
        switch (state, byte) {
        case (.doctypeName, _):
            doctypeName(byte)
        case (.quoted(let quote, let inSubset), _):
            if byte == quote { enter(inSubset ? .doctypeSubset : .doctype) }
        case (.subsetComment, _):
            if endsWith("-->") { enter(.doctypeSubset) }
        case (.doctype, UInt8(ascii: "\"")), (.doctype, UInt8(ascii: "'")):
            enter(.quoted(by: byte, inSubset: false))
        case (.doctypeSubset, UInt8(ascii: "\"")), (.doctypeSubset, UInt8(ascii: "'")):
            enter(.quoted(by: byte, inSubset: true))
        case (.doctype, UInt8(ascii: "[")): enter(.doctypeSubset)
        case (.doctype, UInt8(ascii: ">")): enter(.misc)
        case (.doctypeSubset, UInt8(ascii: "]")): enter(.doctype)
        case (.doctypeSubset, _): if endsWith("<!--") { enter(.subsetComment) }
        default: break
        }
    }

    private mutating func doctypeName(_ byte: UInt8) {
        if byte.isXMLSpace, token.isEmpty { return }
        guard byte.isXMLSpace || byte == UInt8(ascii: "[") || byte == UInt8(ascii: ">") else { return keep(byte) }
        guard isSVGName else { return _ = fail() }
        enter(.doctype)
        doctype(byte)
    }

    // MARK: The root element (XML 1.0, productions 40 and 41)

    private mutating func rootName(_ byte: UInt8) {
        guard byte.isXMLSpace || byte == UInt8(ascii: "/") || byte == UInt8(ascii: ">") else { return keep(byte) }
        guard isSVGName else { return _ = fail() }
        enter(.tag)
        startTag(byte)
    }

    /// `svg`, or `prefix:svg`
    private var isSVGName: Bool {
        let parts = token.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        guard token.count <= Self.longestToken, parts.count <= 2 else { return false }
        guard let name = parts.last, name.elementsEqual("svg".utf8) else { return false }
        return parts.count == 1 || (!parts[0].isEmpty && parts[0].allSatisfy(\.isXMLNameCharacter))
    }

    private mutating func startTag(_ byte: UInt8) {
        switch (state, byte) {
        case (.tag, UInt8(ascii: ">")), (.tagEnd, UInt8(ascii: ">")): enter(.done(.finished))
        case (.tag, UInt8(ascii: "/")): enter(.tagEnd)
        case (.tag, _) where byte.isXMLSpace: break
        case (.tag, _) where byte.isXMLNameCharacter:
            enter(.attributeName)
            keep(byte)
        case (.attributeName, _) where byte.isXMLNameCharacter: keep(byte)
        case (.attributeName, _) where byte.isXMLSpace || byte == UInt8(ascii: "="):
            attribute = token.count <= Self.longestToken ? String(decoding: token, as: UTF8.self) : ""
            enter(byte == UInt8(ascii: "=") ? .openingQuote : .equals)
        case (.equals, UInt8(ascii: "=")): enter(.openingQuote)
        case (.openingQuote, UInt8(ascii: "\"")), (.openingQuote, UInt8(ascii: "'")): enter(.value(quote: byte))
        case (.equals, _) where byte.isXMLSpace, (.openingQuote, _) where byte.isXMLSpace: break
        case (.value(let quote), _) where byte == quote: endValue()
        case (.value, _) where byte != UInt8(ascii: "<"): keep(byte)
        default: fail()
        }
    }

    private mutating func endValue() {
        if Self.sizeAttributes.contains(attribute), token.count <= Self.longestToken {
            attributes[attribute] = String(decoding: token, as: UTF8.self)
        }
        enter(.tag)
    }
}

extension UInt8 {
    /// Of a name in XML 1.0 (production 4a), as far as single bytes tell.
    fileprivate var isXMLNameCharacter: Bool {
        switch self {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: ":"), UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "."), 0x80...:
            true
        default: false
        }
    }
}
