import Testing

@testable import ProxyCore

/// What is signed here is accepted here, and is what the other program would have made.
@Suite struct URLSignerTests {
    private static let urls = [
        "https://a.example/b.png", "http://a.example:8080/b.png?x=1&y=%20z", "https://a.example/",
        "https://a.example/a%2Fb/c%20d.png?q=a+b",
    ]

    private static func signer(_ dialect: Configuration.Dialect) -> URLSigner {
        URLSigner(SigningSamples.signing([dialect]), primitives: RealPrimitives())
    }

    @Test("every form comes back", arguments: URLSigner.Form.allCases, urls)
    func roundTrip(_ form: URLSigner.Form, _ url: String) throws {
        let path = try Self.signer(form.dialect).sign(url, as: form)
        #expect(outcome(SigningSamples.signing([form.dialect]), "/p\(path)") == .success(url))
        let altered = path.replacing("a.example", with: "b.example")
        guard altered != path else { return }
        #expect(outcome(SigningSamples.signing([form.dialect]), "/p\(altered)") == .failure(.denied(.signature)))
    }

    @Test("a text that is no URI comes back where it can be written", arguments: URLSigner.Form.allCases)
    func unusual(_ form: URLSigner.Form) throws {
        let url = "https://a.example/ä b?c=ü"
        guard form != .willnorris else {
            #expect(throws: SigningFailure.cannotBeWritten) { try Self.signer(.willnorris).sign(url, as: form) }
            return
        }
        let path = try Self.signer(form.dialect).sign(url, as: form)
        #expect(outcome(SigningSamples.signing([form.dialect]), "/p\(path)") == .success(url))
    }

    @Test("a fragment is not signed where it could be taken for options", arguments: URLSigner.Form.allCases)
    func fragments(_ form: URLSigner.Form) throws {
        let (url, signer) = ("https://a.example/b.png#c", Self.signer(form.dialect))
        guard [.own, .willnorris].contains(form) else {
            let path = try signer.sign(url, as: form)
            #expect(outcome(SigningSamples.signing([form.dialect]), "/p\(path)") == .success(url))
            return
        }
        #expect(throws: SigningFailure.fragment) { try signer.sign(url, as: form) }
    }

    @Test("and so do times, where the dialect has them", arguments: URLSigner.Form.allCases)
    func expires(_ form: URLSigner.Form) throws {
        let (signer, signing) = (Self.signer(form.dialect), SigningSamples.signing([form.dialect]))
        guard form.dialect.canExpire else {
            #expect(throws: SigningFailure.cannotExpire) { try signer.sign(Self.urls[0], as: form, expires: 1) }
            return
        }
        let path = try signer.sign(Self.urls[0], as: form, expires: 1_700_000_000)
        #expect(outcome(signing, "/p\(path)", seconds: 1_700_000_000) == .success(Self.urls[0]))
        #expect(outcome(signing, "/p\(path)", seconds: 1_700_000_001) == .failure(.denied(.signatureExpired)))
    }

    @Test func theFirstKeySigns() throws {
        let path = try Self.signer(.own).sign("https://a.example/b.png?x=1", as: .own)
        #expect(
            path == "?url=https%3A%2F%2Fa.example%2Fb.png%3Fx%3D1&s=NWv4TJgxnL1YhxJRuXR2ygdHdV5_peh2Q43s6lBGW7I")
    }

    @Test("without a key there is no signature", arguments: URLSigner.Form.allCases) func noKey(_ form: URLSigner.Form)
    {
        var signing = Configuration.Signing()
        signing.imgproxy.encryptionKey = Secret(String(repeating: "0", count: 32))
        let signer = URLSigner(signing, primitives: RealPrimitives())
        #expect(throws: SigningFailure.noKey) { try signer.sign(Self.urls[0], as: form) }
    }

    @Test func withoutTheLibraryThereIsNone() {
        let signer = URLSigner(SigningSamples.signing([.own]), primitives: NoPrimitives())
        #expect(throws: SigningFailure.unavailable) { try signer.sign(Self.urls[0], as: .own) }
    }
}
