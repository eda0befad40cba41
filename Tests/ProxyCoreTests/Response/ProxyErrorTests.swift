import ProxyCore
import Testing

@Suite struct ProxyErrorTests {
    static let errors: [(ProxyError, Int, reason: String)] = [
        (.badRequest(reason: "missing"), 400, "bad-request.missing"),
        (.methodNotAllowed, 405, "method"), (.notFound, 404, "not-found"),
        (.sourceDenied(reason: "host"), 403, "denied.host"), (.forbidden, 403, "forbidden"),
        (.overloaded, 503, "overloaded"), (.clientGone, 499, "client-gone"),
        (.upstream(.missing(status: 404)), 404, "upstream.status-404"),
        (.upstream(.missing(status: 410)), 410, "upstream.status-410"),
        (.upstream(.status(401)), 502, "upstream.status-4xx"), (.upstream(.status(599)), 502, "upstream.status-5xx"),
        (.upstream(.status(0)), 502, "upstream.status-0xx"),
        (.upstream(.nameNotResolved), 502, "upstream.name-not-resolved"),
        (.upstream(.unreachable), 502, "upstream.unreachable"),
        (.upstream(.untrustedCertificate), 502, "upstream.certificate"),
        (.upstream(.broken), 502, "upstream.broken-response"), (.upstream(.timedOut), 504, "upstream.timed-out"),
        (.upstream(.notAnImage), 502, "upstream.not-an-image"), (.upstream(.encoded), 502, "upstream.content-encoding"),
        (.upstream(.tooLarge), 502, "upstream.too-large"),
        (.upstream(.tooManyRedirects), 502, "upstream.too-many-redirects"),
        (.upstream(.badRedirect), 502, "upstream.bad-redirect"),
        (.upstream(.unavailable), 502, "upstream.unavailable"),
    ]

    @Test("a status for the client and a reason for the metrics", arguments: errors)
    func tells(_ error: ProxyError, _ status: Int, _ reason: String) {
        #expect(error.status == status)
        #expect(error.reason == reason)
    }

    @Test("what the client reads is fixed", arguments: errors) func publicMessage(
        _ error: ProxyError, _: Int, _: String
    ) {
        let message = error.publicMessage
        #expect(message.hasSuffix("."))
        #expect(!message.contains { $0.isNewline || $0.isNumber })
    }

    @Test("the rule that fired is not told", arguments: ["host", "address", "signature", "redirect-port"])
    func keepsTheRuleToItself(_ reason: String) {
        #expect(
            ProxyError.sourceDenied(reason: reason).publicMessage == ProxyError.sourceDenied(reason: "").publicMessage)
        #expect(ProxyError.badRequest(reason: reason).publicMessage == ProxyError.badRequest(reason: "").publicMessage)
    }
}
