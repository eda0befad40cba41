extension SourceURL {
    /// Who is asked for the image: a DNS name, or an address that needs no resolving.
    public enum Host: Sendable, Hashable {
        /// A name, in lower case, never empty, without a trailing dot, and never a number that a resolver would read.
        case name(String)
        /// An address, which was written as a canonical dotted quad or in brackets.
        case address(IPAddress)

        /// Reads the host of an authority: `example.com`, `192.0.2.1` or `[2001:db8::1]`.
        public init?(_ text: some StringProtocol) {
            self.init(text: Array(text.utf8)[...])
        }

        init?(text: ArraySlice<UInt8>) {
            if text.first == UInt8(ascii: "[") {
                guard text.last == UInt8(ascii: "]"), case .v6(let bits)? = IPAddress(text: text.dropFirst().dropLast())
                else { return nil }
                self = .address(.v6(bits))
            } else if let bits = IPAddress.v4Bits(text) {
                self = .address(.v4(bits))
            } else if Self.isName(text) {
                self = .name(String(decoding: text.map(URIText.lowercased), as: UTF8.self))
            } else {
                return nil
            }
        }

        /// Letters, digits and inner hyphens in labels of 1 to 63 bytes, 253 in all (RFC 1123, 2.1; RFC 1035, 2.3.4).
        /// An international name comes as its A-labels. Not only are escapes and other alphabets refused with the rest:
        /// libcurl would map fullwidth digits and ideographic dots onto an address.
        private static func isName(_ text: ArraySlice<UInt8>) -> Bool {
            guard text.count <= 253 else { return false }
            let labels = text.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
            guard let last = labels.last, !isNumber(last) else { return false }
            return labels.allSatisfy { label in
                1...63 ~= label.count && label.first != hyphen && label.last != hyphen
                    && label.allSatisfy { URIText.isLetterOrDigit($0) || $0 == hyphen }
            }
        }

        /// Whether a host that ends in this label is taken for an IPv4 address by resolvers (`127.1`, `0x7f000001`) and
        /// browsers alike. No top-level domain is a number.
        private static func isNumber(_ label: ArraySlice<UInt8>) -> Bool {
            let isHexadecimal = label.prefix(2).elementsEqual("0x".utf8) || label.prefix(2).elementsEqual("0X".utf8)
            return isHexadecimal
                ? label.dropFirst(2).allSatisfy { URIText.hexadecimalValue($0) != nil }
                : label.allSatisfy(URIText.isDigit)
        }

        private static let hyphen = UInt8(ascii: "-")
    }
}

extension SourceURL.Host: CustomStringConvertible {
    /// The host as an authority has it: an IPv6 address stands in brackets.
    public var description: String {
        switch self {
        case .name(let name): name
        case .address(.v4(let bits)): IPAddress.v4(bits).description
        case .address(.v6(let bits)): "[\(IPAddress.v6(bits))]"
        }
    }
}
