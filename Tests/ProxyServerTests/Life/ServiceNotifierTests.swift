import Testing

@testable import ProxyServer

/// That it arrives is shown end to end, at sockets of both kinds.
@Suite struct ServiceNotifierTests {
    @Test("addresses that are none are nobody", arguments: [nil, "", "relative", "/nobody/is/here", "@nobody-is-here"])
    func nobody(_ address: String?) {
        ServiceNotifier(address: address).send(.watchdog)
    }

    @Test func addressesThatDoNotFitAreNobody() {
        for length in [107, 108, 109, 4096] {
            ServiceNotifier(address: "/" + String(repeating: "a", count: length - 1)).send(.watchdog)
        }
    }

    @Test("a status brings no assignment of its own") func status() {
        #expect(ServiceMessage.ready("fine\nMAINPID=1").text == "READY=1\nSTATUS=fine")
        #expect(ServiceMessage.stopping("").text == "STOPPING=1\nSTATUS=")
    }

    @Test(arguments: [
        ("READY=1", true), ("STATUS=x\nREADY=1", true), ("READY=10", false), ("XREADY=1", false), ("", false),
    ])
    func hasAnAssignment(_ text: String, _ expected: Bool) {
        #expect(ServiceMessage(text: text).has("READY=1") == expected)
    }
}
