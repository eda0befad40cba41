/// Walks the tags and texts of an HTML or XML document. It builds no tree, knows no more of the grammar than where a tag
/// ends, passes each byte once, and takes whatever it is given.
struct MarkupScanner {
    struct Attribute {
        let name: Range<Int>
        let value: Range<Int>
    }

    enum Token {
        case start(name: String, [Attribute])
        case end(name: String)
        /// Character references are as they were written.
        case text(Range<Int>)
        /// The content of a CDATA section: there are no references in it.
        case literal(Range<Int>)
    }

    let bytes: [UInt8]
    private let isHTML: Bool
    private var position = 0
    /// An element whose content is no markup, and has not been passed yet (HTML, 13.2.5.2 to 13.2.5.4).
    private var rawElement: String?

    private static let comment = (start: Array("<!--".utf8), end: Array("-->".utf8))
    private static let section = (start: Array("<![CDATA[".utf8), end: Array("]]>".utf8))
    private static let declaration = Array("<!".utf8)
    private static let instruction = Array("<?".utf8)
    private static let endTag = Array("</".utf8)
    private static let tagEnd = Array(">".utf8)
    private static let rawElements: Set = [
        "script", "style", "textarea", "title", "xmp", "iframe", "noembed", "noframes",
    ]
    /// Names of tags and attributes that anybody asks for are shorter.
    private static let longestName = 64
    private static let mostAttributes = 256

    init(_ bytes: [UInt8], isHTML: Bool) {
        self.bytes = bytes
        self.isHTML = isHTML
    }

    /// The next token; nil at the end.
    mutating func next() -> Token? {
        if let name = rawElement {
            rawElement = nil
            passContent(of: name)
        }
        while position < bytes.count {
            guard bytes[position] == UInt8(ascii: "<") else { return text() }
            if begins(Self.comment.start) {
                pass(through: Self.comment.end, from: position + Self.comment.start.count)
            } else if begins(Self.section.start) {
                return literal()
            } else if begins(Self.declaration) || begins(Self.instruction) {
                pass(through: Self.tagEnd, from: position + 2)
            } else if begins(Self.endTag) {
                position += Self.endTag.count
                let name = name()
                pass(through: Self.tagEnd, from: position)
                return .end(name: name)
            } else if position + 1 < bytes.count, URIText.isLetter(bytes[position + 1]) {
                position += 1
                return startTag()
            } else {
                return text()
            }
        }
        return nil
    }

    /// The value of the first attribute of that name, with its character references decoded.
    func value(of name: String, in attributes: [Attribute]) -> [UInt8]? {
        attributes.first { bytes[$0.name].lazy.map(URIText.lowercased).elementsEqual(name.utf8) }.map {
            CharacterReferences.decode(bytes[$0.value])
        }
    }
}

extension MarkupScanner {
    /// A text has one byte at least, so that a `<` which begins nothing is passed.
    private mutating func text() -> Token {
        let start = position
        position += 1
        while position < bytes.count, bytes[position] != UInt8(ascii: "<") { position += 1 }
        return .text(start..<position)
    }

    private mutating func literal() -> Token {
        let start = position + Self.section.start.count
        let end = pass(through: Self.section.end, from: start)
        return .literal(start..<end)
    }

    private mutating func startTag() -> Token {
        let name = name()
        var attributes: [Attribute] = []
        while let attribute = attribute() {
            if attributes.count < Self.mostAttributes { attributes.append(attribute) }
        }
        if isHTML, Self.rawElements.contains(name) { rawElement = name }
        return .start(name: name, attributes)
    }

    /// A name in lower case; one that is too long is cut.
    private mutating func name() -> String {
        let start = position
        while position < bytes.count, !Self.endsName(bytes[position]) { position += 1 }
        return String(decoding: bytes[start..<position].prefix(Self.longestName).map(URIText.lowercased), as: UTF8.self)
    }

    /// The next attribute of the tag (HTML, 13.2.5.32 to 13.2.5.38); nil when the tag has ended.
    private mutating func attribute() -> Attribute? {
        while position < bytes.count, Self.isSpace(bytes[position]) || bytes[position] == UInt8(ascii: "/") {
            position += 1
        }
        guard position < bytes.count else { return nil }
        guard bytes[position] != UInt8(ascii: ">") else {
            position += 1
            return nil
        }
        let start = position
        position += 1
        while position < bytes.count, !Self.endsName(bytes[position]), bytes[position] != UInt8(ascii: "=") {
            position += 1
        }
        let name = start..<position
        passSpaces()
        guard position < bytes.count, bytes[position] == UInt8(ascii: "=") else {
            return Attribute(name: name, value: position..<position)
        }
        position += 1
        passSpaces()
        return Attribute(name: name, value: attributeValue())
    }

    private mutating func attributeValue() -> Range<Int> {
        guard position < bytes.count else { return position..<position }
        let quote = bytes[position]
        guard quote == UInt8(ascii: "\"") || quote == UInt8(ascii: "'") else {
            let start = position
            while position < bytes.count, !Self.isSpace(bytes[position]), bytes[position] != UInt8(ascii: ">") {
                position += 1
            }
            return start..<position
        }
        let start = position + 1
        position = bytes[start...].firstIndex(of: quote) ?? bytes.count
        defer { position = min(position + 1, bytes.count) }
        return start..<position
    }

    private mutating func passSpaces() {
        while position < bytes.count, Self.isSpace(bytes[position]) { position += 1 }
    }

    private mutating func passContent(of name: String) {
        let end = Array("</\(name)".utf8)
        while position < bytes.count, !begins(end) { position += 1 }
    }

    /// Where `mark` stands; to the end of the document where it is not there.
    @discardableResult
    private mutating func pass(through mark: [UInt8], from start: Int) -> Int {
        position = start
        while position < bytes.count, !begins(mark) { position += 1 }
        defer { position = min(position + mark.count, bytes.count) }
        return position
    }

    private func begins(_ mark: [UInt8]) -> Bool {
        guard bytes[position] == mark[0], mark.count <= bytes.count - position else { return false }
        return mark.indices.allSatisfy { URIText.lowercased(bytes[position + $0]) == URIText.lowercased(mark[$0]) }
    }

    private static func endsName(_ byte: UInt8) -> Bool {
        isSpace(byte) || byte == UInt8(ascii: "/") || byte == UInt8(ascii: ">")
    }

    static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0d).contains(byte) && byte != 0x0b }
}
