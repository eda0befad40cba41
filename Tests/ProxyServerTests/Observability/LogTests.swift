import Foundation
import Logging
import ProxyCore
import Testing

@testable import ProxyServer

@Suite struct StandardErrorLogHandlerTests {
    private func line(
        _ format: StandardErrorLogHandler.Format, _ metadata: Logger.Metadata, own: Logger.Metadata = [:]
    ) -> String {
        var handler = StandardErrorLogHandler(level: .info, format: format)
        handler.metadata = own
        let event = LogEvent(
            level: .warning, message: "a message", error: nil, metadata: metadata, source: "", file: "", function: "",
            line: 0)
        let bytes = handler.line(event, at: Timestamp(unixMilliseconds: 1_700_000_000_012))
        return String(decoding: bytes, as: UTF8.self)
    }

    static let hostile = [
        "a\r\nforged=1", "a\nb", "\"", "\\", "a b", "", "\0", "\u{1b}[31m", "é", "\u{2028}", "a=b", "a\" forged=\"1",
        #"\u000a"#, "\u{7f}", "{\"a\":1}",
    ]

    @Test func aLineOfText() {
        #expect(
            line(.text, ["http.status": "200", "a": "x", "b": "two words"], own: ["a": "y", "c": "z"])
                == "2023-11-14T22:13:20.012Z warning a message a=x b=\"two words\" c=z http.status=200\n")
    }

    @Test("what others wrote cannot end a line or forge a field", arguments: hostile) func escapes(_ value: String) {
        let text = line(.text, ["key": "\(value)", "last": "1"])
        #expect(text.hasSuffix(" last=1\n"))
        #expect(text.utf8.filter { $0 < 0x20 } == [0x0A])
        let start = text.range(of: "key=")?.upperBound ?? text.endIndex
        let written = text[start...].dropLast(" last=1\n".count)
        let isPlain = !written.contains { "\"\\ ".contains($0) }
        let decoded = isPlain ? String(written) : try? JSONDecoder().decode(String.self, from: Data(written.utf8))
        #expect(decoded == value)
    }

    @Test("a line of JSON is one object, whatever others wrote", arguments: hostile) func json(_ value: String) throws {
        let text = line(.json, ["key": "\(value)", "http.status": "200", "time.total_ms": "1.250", "sizeMB": "0.10"])
        #expect(text.utf8.filter { $0 < 0x20 } == [0x0A])
        let object = try #require(JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
        #expect(object["key"] as? String == value)
        #expect(object["http.status"] as? Int == 200)
        #expect(object["time.total_ms"] as? Double == 1.25)
        #expect(object["sizeMB"] as? Double == 0.1)
        #expect(object["message"] as? String == "a message")
        #expect(object["level"] as? String == "warning")
        #expect(object["time"] as? String == "2023-11-14T22:13:20.012Z")
    }

    @Test("an identifier is a text, even of digits alone", arguments: ["0123456789012345", "1234567890123456"])
    func identifiers(_ identifier: String) throws {
        let text = line(.json, ["request.id": "\(identifier)"])
        #expect(text.contains("\"request.id\":\"\(identifier)\""))
    }

    @Test("a number that is none stays a text", arguments: ["", "abc", "1 2", "٣"]) func notANumber(_ value: String)
        throws
    {
        let text = line(.json, ["http.status": "\(value)"])
        let object = try #require(JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
        #expect(object["http.status"] as? String == value)
    }

    @Test(
        "moments in UTC",
        arguments: [
            (0, "1970-01-01T00:00:00.000Z"), (-1, "1970-01-01T00:00:00.000Z"),
            (951_782_400_999, "2000-02-29T00:00:00.999Z"),
            (4_102_444_799_001, "2099-12-31T23:59:59.001Z"),
        ]) func timestamps(_ milliseconds: Int64, _ text: String)
    {
        #expect(Timestamp(unixMilliseconds: milliseconds).description == text)
    }
}

@Suite struct URLRedactionTests {
    @Test(
        "a query is shown only to who asked for it",
        arguments: [
            ("https://a/b", "https://a/b"), ("https://a/b?token=secret", "https://a/b?<redacted>"),
            ("https://a/b?", "https://a/b?<redacted>"), ("https://a?b?c", "https://a?<redacted>"), ("", ""),
            ("https://a/b?\u{301}secret", "https://a/b?<redacted>"),
        ]) func redacts(_ url: String, _ shown: String)
    {
        var log = Configuration.Log()
        #expect(URLRedaction(log).text(url) == shown)
        log.includesFullURLs = true
        #expect(URLRedaction(log).text(url) == url)
    }
}

@Suite struct LogThrottleTests {
    @Test func oneEventPassesAndTheNextIsKeptBack() {
        let throttle = LogThrottle()
        #expect(throttle.pass() == 0)
        var kept = 0
        // However slow the machine is, events that follow each other at once come within the same second but for one.
        for _ in 0..<1000 where throttle.pass() == nil { kept += 1 }
        #expect(kept >= 900)
    }

    @Test func whatWasKeptBackIsCounted() {
        let throttle = LogThrottle()
        _ = throttle.pass()
        var (kept, passed) = (0, 0)
        while passed == 0 {
            switch throttle.pass() {
            case nil:
                kept += 1
                usleep(1000)  // It is the second that has to pass.
            case let suppressed?:
                passed += 1
                #expect(suppressed == kept)
            }
        }
        #expect(kept > 0)
    }
}
