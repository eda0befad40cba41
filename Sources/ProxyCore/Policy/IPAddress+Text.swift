extension IPAddress {
    /// Reads one canonical dotted quad, or IPv6 text as RFC 4291, 2.2 has it.
    ///
    /// What `inet_aton` would also read (octal, hex, short and single-number forms), leading zeros, zone ids and
    /// brackets are no address: two readers that differ about the same text are how a check is bypassed.
    public init?(_ text: some StringProtocol) {
        self.init(text: Array(text.utf8)[...])
    }

    init?(text: ArraySlice<UInt8>) {
        if let bits = Self.v4Bits(text) {
            self = .v4(bits)
        } else if let bits = Self.v6Bits(text) {
            self = .v6(bits)
        } else {
            return nil
        }
    }

    static func v4Bits(_ text: ArraySlice<UInt8>) -> UInt32? {
        guard text.count <= 15, text.first.map(URIText.isDigit) ?? false else { return nil }
        var bits: UInt32 = 0
        var rest = text
        for part in 1...4 {
            let digits = rest.prefix { $0 != UInt8(ascii: ".") }
            guard let octet = URIText.decimal(digits, atMost: 255) else { return nil }
            bits = bits << 8 | UInt32(octet)
            rest = rest[digits.endIndex...]
            // A dot behind each part but the last, and nothing behind that.
            guard rest.isEmpty == (part == 4) else { return nil }
            rest = rest.dropFirst()
        }
        return bits
    }

    private static func v6Bits(_ text: ArraySlice<UInt8>) -> UInt128? {
        guard text.count <= 45 else { return nil }
        let gap = zip(text.indices, zip(text, text.dropFirst())).first { $0.1 == (colon, colon) }?.0
        guard let gap else {
            guard let groups = groups(text, mayEndInIPv4: true), groups.count == 8 else { return nil }
            return bits(groups)
        }
        guard let head = groups(text[..<gap], mayEndInIPv4: false),
            let tail = groups(text[(gap + 2)...], mayEndInIPv4: true), head.count + tail.count <= 7
        else { return nil }
        return bits(head + Array(repeating: 0, count: 8 - head.count - tail.count) + tail)
    }

    private static func groups(_ text: ArraySlice<UInt8>, mayEndInIPv4: Bool) -> [UInt16]? {
        guard !text.isEmpty else { return [] }
        let parts = text.split(separator: colon, omittingEmptySubsequences: false)
        var groups: [UInt16] = []
        for (index, part) in parts.enumerated() {
            if let group = URIText.hexadecimalGroup(part) {
                groups.append(group)
            } else if mayEndInIPv4, index == parts.count - 1, let quad = v4Bits(part) {
                groups += [UInt16(truncatingIfNeeded: quad >> 16), UInt16(truncatingIfNeeded: quad)]
            } else {
                return nil
            }
        }
        return groups
    }

    private static func bits(_ groups: [UInt16]) -> UInt128 {
        groups.reduce(0) { $0 << 16 | UInt128($1) }
    }

    private static let colon = UInt8(ascii: ":")
}

extension IPAddress: CustomStringConvertible {
    /// A dotted quad, or the one IPv6 text of RFC 5952: lower case, the longest run of zeros shortened, the first of
    /// equals, and a dotted tail for v4-mapped addresses (section 5).
    public var description: String {
        switch self {
        case .v4(let bits): Self.dottedQuad(bits)
        case .v6(let bits) where bits >> 32 == 0xffff: "::ffff:" + Self.dottedQuad(UInt32(truncatingIfNeeded: bits))
        case .v6(let bits): Self.hexadecimalText(bits)
        }
    }

    private static func dottedQuad(_ bits: UInt32) -> String {
        "\(bits >> 24).\(bits >> 16 & 0xff).\(bits >> 8 & 0xff).\(bits & 0xff)"
    }

    private static func hexadecimalText(_ bits: UInt128) -> String {
        let groups = (0..<8).map { UInt16(truncatingIfNeeded: bits >> (112 - 16 * $0)) }
        let zeros = longestRunOfZeros(groups)
        func text(_ part: ArraySlice<UInt16>) -> String {
            part.map { String($0, radix: 16) }.joined(separator: ":")
        }
        // RFC 5952, 4.2.2: a single zero group is written out.
        guard zeros.count > 1 else { return text(groups[...]) }
        return text(groups[..<zeros.lowerBound]) + "::" + text(groups[zeros.upperBound...])
    }

    private static func longestRunOfZeros(_ groups: [UInt16]) -> Range<Int> {
        var longest = 0..<0
        var start = 0
        for (index, group) in groups.enumerated() {
            if group != 0 {
                start = index + 1
            } else if index + 1 - start > longest.count {
                longest = start..<index + 1
            }
        }
        return longest
    }
}
