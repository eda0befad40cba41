import Testing

@testable import ProxyCore

/// Mutations of known texts, the same on every run: a parser may refuse any of them, and what it accepts must hold the
/// promises that the rest of the program builds on.
@Suite struct PolicyFuzzTests {
    private static let urls = [
        "https://images.example.com/a/b.png?w=1&h=2#f", "http://127.0.0.1:8080/", "http://[2001:db8::1]:443/%41/../x",
        "HTTP://[::ffff:10.0.0.1]/é?ü", "https://h/a b\"<>{}|^`[]%zz", "http://a.b.c.d.e:65535/./..//...?/../%",
    ]
    private static let dictionary = [
        "@", ":", "/", "//", "\\", "?", "#", "%", "%2e", "%00", "..", ".", "[", "]", "::", "0x", "127.1", "\r\n", "\t",
        "é", "。", "\u{FFFD}", "+", "&",
        "url=", "%75rl", "http://", "https:", "file:", " ", "localhost", "xn--", "-", "_", "99999999999999999999",
        "ffff:", "5efe",
    ]
    private static let uriCharacters = Set(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~:/?[]@!$&'()*+,;=%".utf8)

    @Test("a URL that parses is made of URI characters, reads back equal, and resolves within itself", arguments: 1...4)
    func url(_ seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let base = try SourceURL("https://base.example:8443/x/y?z")
        for _ in 0..<2000 {
            let text = Self.mutate(Self.urls, &random)
            if let url = try? SourceURL(text) { try expectSound(url, from: text) }
            if let url = try? base.resolving(reference: text) { try expectSound(url, from: text) }
        }
    }

    private func expectSound(_ url: SourceURL, from text: String) throws {
        #expect(url.text.utf8.allSatisfy(Self.uriCharacters.contains), "\(text.debugDescription)")
        #expect(url.text.utf8.count <= SourceURL.maximumLength)
        #expect(url.port > 0)
        #expect(url.pathAndQuery.utf8.first == UInt8(ascii: "/"))
        #expect(try SourceURL(url.text) == url, "\(text.debugDescription)")
        #expect(try SourceURL(url.origin).host == url.host)
        #expect(try url.resolving(reference: url.pathAndQuery.hasPrefix("//") ? url.text : url.pathAndQuery) == url)
        #expect(HostPattern.any.matches(url.host))
        if case .name(let name) = url.host { #expect(IPAddress(name) == nil) }
    }

    @Test("a query that is accepted names a sound URL, and parameters around it change nothing", arguments: 1...4)
    func query(_ seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let queries = [
            "url=https%3A%2F%2Fh%2Fa%20b%2B.png&w=1", "a=b&url=https://h/a+b?c=d&e", "%75rl=http://h/%C3%A9&x=%zz",
        ]
        for _ in 0..<2000 {
            let query = Self.mutate(queries, &random)
            _ = Route(requestURI: query, scriptName: query, pathInfo: query)
            guard let request = try? ImageRequest(queryString: query) else { continue }
            try expectSound(request.source, from: query)
            #expect(!request.urlText.utf8.contains { $0 < 0x20 || $0 == 0x7f })
            let surrounded = try ImageRequest(queryString: "%=&v=1&\(query)&w=%zz")
            #expect(Array(surrounded.urlText.utf8) == Array(request.urlText.utf8))
            #expect(throws: ImageRequestError.repeated) { try ImageRequest(queryString: "\(query)&ur%6C=") }
            // Escaped once more by a client, the decoded value is what it was.
            let escaped = request.urlText.utf8.map { "%" + ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
            #expect(try Array(ImageRequest(queryString: "url=\(escaped)").urlText.utf8) == Array(request.urlText.utf8))
        }
    }

    @Test("an address that parses reads back equal, and no address escapes its embedding", arguments: 1...4)
    func address(_ seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let texts = AddressTable.rows.map(\.address) + ["10.0.0.0/8:443", "[fd00::]/8:1", "*.example.com"]
        for _ in 0..<2000 {
            let text = Self.mutate(texts, &random)
            if let address = IPAddress(text) {
                #expect(IPAddress(address.description) == address)
                #expect(Network(text)?.contains(address) == true)
            }
            if let network = Network(text) { #expect(Network(network.description) == network) }
            if let exception = AllowedNetwork(text) { #expect(AllowedNetwork(exception.description) == exception) }
            if let pattern = HostPattern(text) { #expect(HostPattern(pattern.description) == pattern) }

            let bits = UInt128(random.next()) << 64 | UInt128(random.next())
            let quad = IPAddress.v4(UInt32(truncatingIfNeeded: bits))
            let nat64 = IPAddress.v6(0x0064_ff9b << 96 | bits & 0xffff_ffff)
            #expect(nat64.isGloballyReachable == quad.isGloballyReachable)
            #expect(!IPAddress.v6(0xffff_0000_0000 | bits & 0xffff_ffff).isGloballyReachable)
            #expect(!IPAddress.v6(bits | 1 << 127).isGloballyReachable)
            let isatap = IPAddress.v6(0x2606_4700 << 96 | 0x5efe << 32 | bits & 0xffff_ffff)
            #expect(isatap.isGloballyReachable == quad.isGloballyReachable)
            #expect(IPAddress(IPAddress.v6(bits).description) == .v6(bits))
        }
    }

    private static func mutate(_ seeds: [String], _ random: inout SplitMix64) -> String {
        var bytes = Array((seeds.randomElement(using: &random) ?? "").utf8)
        for _ in 0..<Int.random(in: 0...4, using: &random) {
            let start = Int.random(in: 0...bytes.count, using: &random)
            let end = min(bytes.count, start + Int.random(in: 0...3, using: &random))
            switch Int.random(in: 0..<4, using: &random) {
            case 0: bytes.insert(UInt8.random(in: 0...255, using: &random), at: start)
            case 1: bytes.removeSubrange(start..<end)
            case 2: bytes.insert(contentsOf: (dictionary.randomElement(using: &random) ?? "").utf8, at: start)
            default: bytes.replaceSubrange(start..<end, with: bytes[start..<end] + bytes[start..<end])
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// A generator whose sequence is fixed by its seed.
struct SplitMix64: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}
