import Testing

@testable import ProxyCore

/// Our own signatures. Those in the tables were computed with Python's hmac module.
@Suite struct OwnDialectTests {
    private static let url = "https://a.example/b.png?x=1"
    private static let escaped = "url=https%3A%2F%2Fa.example%2Fb.png%3Fx%3D1"
    private static let first = "NWv4TJgxnL1YhxJRuXR2ygdHdV5_peh2Q43s6lBGW7I"
    private static let second = "YUORRy0PVLnm_JWgkFfQ5Bj1i-yuz7WcKvcKtVpU-M4"
    private static let expiring = "y2Zf0VQ7ybtb27iRuPDeMS1v7hHDSi9JSWiNNDYP9wQ"

    @Test(
        "whatever the escapes and the order",
        arguments: [
            "\(escaped)&s=\(first)", "s=\(first)&\(escaped)", "\(escaped)&s=\(second)", "\(escaped)&%73=\(first)",
            "url=https://a.example/b.png%3fx=1&s=\(first)", "\(escaped)&e=1700000000&s=\(expiring)",
            "e=1700000000&s=\(expiring)&\(escaped)", "\(escaped)&&s=\(first)&",
        ])
    func verifies(_ query: String) {
        #expect(outcome(SigningSamples.signing([.own]), "/p?\(query)") == .success(Self.url))
    }

    @Test(
        "anything else is denied",
        arguments: [
            escaped, "\(escaped)&s=", "\(escaped)&s=\(first)=", "\(escaped)&s=\(first)x", "\(escaped)&s=\(expiring)",
            // Its last character has two bits that mean nothing: another spelling of the same bytes.
            "\(escaped)&s=\(first.dropLast())J", "\(escaped)&s=\(first.lowercased())",
            "\(escaped)&s=\(first)&s=\(first)", "\(escaped)&s=\(first)&%73=\(first)",
            "\(escaped)&s=\(first)&e=1700000000", "\(escaped)&e=1700000001&s=\(expiring)",
            "\(escaped)&e=1700000000&e=1700000000&s=\(expiring)", "\(escaped)&s=\(first)&w=100",
            "\(escaped)&S=\(first)",
            "url=https://a.example/b.png?x=1&y=2&s=\(first)", "\(escaped)x&s=\(first)",
            "url=https%3A%2F%2Fa.example%2Fb.png%253Fx%3D1&s=\(first)", "\(escaped)&s=%ff\(first)",
        ])
    func denies(_ query: String) {
        #expect(outcome(SigningSamples.signing([.own]), "/p?\(query)") == .failure(.denied(.signature)))
    }

    @Test(
        "a request that names nothing is told so first",
        arguments: [
            ("", ImageRequestError.missing), ("s=\(first)", .missing), ("url=&s=\(first)", .empty),
            ("\(escaped)&\(escaped)&s=\(first)", .repeated), ("url=%zz&s=\(first)", .malformed),
        ])
    func namesNothing(_ query: String, _ error: ImageRequestError) {
        #expect(outcome(SigningSamples.signing([.own]), "/p?\(query)") == .failure(error))
    }

    @Test(
        "it is valid in its last second, and no longer",
        arguments: [(1_700_000_000, true), (1_700_000_001, false), (0, true)] as [(Int64, Bool)])
    func expires(_ now: Int64, _ isValid: Bool) {
        let found = outcome(
            SigningSamples.signing([.own]), "/p?\(Self.escaped)&e=1700000000&s=\(Self.expiring)", seconds: now)
        #expect(found == (isValid ? .success(Self.url) : .failure(.denied(.signatureExpired))))
    }

    @Test("a time that is none was signed by mistake", arguments: ["", "0", "01", "-1", "1e9", "1234567890123"])
    func badTime(_ text: String) throws {
        let message = OwnDialect.message(Self.url, [("e", text)])
        let code = try #require(RealPrimitives().code(.sha256, key: Array("first".utf8), message))
        let query = "\(Self.escaped)&e=\(text)&s=\(Base64URL.encode(code))"
        #expect(outcome(SigningSamples.signing([.own]), "/p?\(query)") == .failure(.malformed))
    }

    @Test func whatIsSignedIsStillJudged() throws {
        let signing = SigningSamples.signing([.own])
        let signer = URLSigner(signing, primitives: RealPrimitives())
        #expect(outcome(signing, "/p\(try signer.sign("ftp://a.example/b", as: .own))") == .failure(.denied(.scheme)))
        #expect(outcome(signing, "/p\(try signer.sign("/b", as: .own))") == .failure(.malformed))
    }

    @Test func withoutKeysNothingIsSigned() {
        #expect(outcome(SigningSamples.signing([.own], keys: []), "/p?\(Self.escaped)&s=x") == .success(Self.url))
    }

    @Test func withoutTheLibraryNothingIsAuthentic() {
        let policy = SigningPolicy(SigningSamples.signing([.own]), primitives: NoPrimitives())
        let target = RequestTarget(query: "\(Self.escaped)&s=\(Self.first)", requestURI: nil)
        #expect(throws: ImageRequestError.denied(.signature)) { try policy.image(for: target, at: 0) }
    }

    @Test("a dialect that is not on is not understood") func off() {
        let query = "\(Self.escaped)&s=\(Self.first)"
        #expect(outcome(SigningSamples.signing([.camo]), "/p?\(query)") == .failure(.denied(.signature)))
    }
}
