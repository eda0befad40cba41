import Testing

@testable import ProxyCore

/// Mutations of signed requests, the same on every run.
@Suite struct SigningFuzzTests {
    private static let url = "https://a.example/b.png?x=1"

    @Test("no change of a signed request asks for another image", arguments: URLSigner.Form.allCases)
    func forges(_ form: URLSigner.Form) throws {
        let signing = SigningSamples.signing(Configuration.Dialect.allCases)
        let signer = URLSigner(signing, primitives: RealPrimitives())
        let signed = Array("/p\(try signer.sign(Self.url, as: form))".utf8)
        var random = SplitMix64(seed: 1)
        for _ in 0..<600 {
            let text = String(decoding: Self.mutate(signed, &random), as: UTF8.self)
            guard case .success(let found) = outcome(signing, text) else { continue }
            #expect(found == Self.url, "\(text.debugDescription)")
        }
    }

    /// One to three bytes changed, put in, taken out or doubled, most of them such as mean something.
    private static func mutate(_ bytes: [UInt8], _ random: inout SplitMix64) -> [UInt8] {
        var bytes = bytes
        for _ in 0...Int.random(in: 0...2, using: &random) {
            let index = Int.random(in: 0..<bytes.count, using: &random)
            let byte = meaningful.randomElement(using: &random) ?? 0
            switch Int.random(in: 0...4, using: &random) {
            case 0: bytes[index] = byte
            case 1: bytes[index] = UInt8.random(in: 0...255, using: &random)
            case 2: bytes.insert(byte, at: index)
            case 3: bytes.insert(contentsOf: bytes[index...].prefix(Int.random(in: 1...40, using: &random)), at: 0)
            default: bytes.remove(at: index)
            }
        }
        return bytes
    }

    private static let meaningful = Array("/%?&=:,.-_#@+sehx0129AfZ ".utf8)

    @Test("a path of any length costs no more than one that could be signed") func long() {
        let signing = SigningSamples.signing(Configuration.Dialect.allCases)
        for piece in ["/", "a/", "0x0,", "%2F", "rs:0:0/", String(repeating: "A", count: 43) + "/"] {
            let path = "/p/" + String(repeating: piece, count: 20_000)
            #expect(outcome(signing, path) == .failure(.denied(.signature)))
        }
    }
}
