import Testing

@testable import ProxyCore

@Suite struct ByteCountTests {
    @Test(
        "prints the shortest exact text, which reads back",
        arguments: [
            (0, "0"), (1, "1"), (1023, "1023"), (1024, "1KiB"), (1025, "1025"), (1_048_575, "1048575"),
            (1_048_576, "1MiB"), (5_242_880, "5MiB"), (524_288, "512KiB"), (1_073_741_824, "1GiB"),
            (1_073_741_825, "1073741825"), (Int.max, "9223372036854775807"),
        ]) func prints(_ bytes: Int, _ text: String)
    {
        #expect(ByteCount(bytes).description == text)
        #expect(ByteCount(text) == ByteCount(bytes))
    }

    @Test(
        "what is no size",
        arguments: ["", " 1", "1kib", "1KB", "1TiB", "-0", "1e3", "9223372036854775808", "8589934592GiB"])
    func refuses(_ text: String) { #expect(ByteCount(text) == nil) }

    @Test func comparesByBytes() {
        #expect(ByteCount.kibibytes(1024) == .mebibytes(1))
        #expect(ByteCount.gibibytes(1) > .mebibytes(1023))
    }
}

@Suite struct DurationTextTests {
    @Test(
        "prints the shortest exact text, which reads back",
        arguments: [
            (Duration.zero, "0"), (.milliseconds(1), "1ms"), (.milliseconds(250), "250ms"),
            (.milliseconds(1500), "1500ms"),
            (.seconds(3), "3s"), (.seconds(90), "90s"), (.seconds(120), "2m"), (.seconds(3600), "1h"),
            (.seconds(86_400), "1d"), (.seconds(604_800), "7d"), (.seconds(Int64.max), "9223372036854775807s"),
        ]) func prints(_ duration: Duration, _ text: String)
    {
        #expect(duration.configurationText == text)
        #expect(Duration(configurationText: text) == duration)
    }

    @Test("zero with and without a unit", arguments: ["0", "0s", "0ms", "0d", "00"])
    func zero(_ text: String) { #expect(Duration(configurationText: text) == .zero) }

    @Test(
        "what is no time", arguments: ["", "1", "60", "s", "-1s", "1.5s", "1us", "1y", "1m30s", "9223372036854775808s"])
    func refuses(_ text: String) { #expect(Duration(configurationText: text) == nil) }
}

@Suite struct SecretTests {
    struct Holder {
        var password: Secret? = Secret("hunter2")
        var keys = [Secret("hunter2")]
        var store = CacheStore.redis(
            RedisLocation(endpoint: .server(host: "h", port: 1), user: "u", password: Secret("hunter2")))
    }

    @Test func isRedactedHoweverItIsPrinted() {
        let secret = Secret("hunter2")
        #expect("\(secret)" == "<redacted>" && String(reflecting: secret) == "<redacted>")
        #expect(Mirror(reflecting: secret).children.isEmpty)
        var dumped = ""
        dump(secret, to: &dumped)
        dump(Holder(), to: &dumped)
        let seen = dumped + "\(Holder())" + String(reflecting: Holder())
        #expect(!seen.contains("hunter2"))
        #expect(seen.contains("<redacted>"))
    }

    @Test func isHandedOutOnRequest() {
        #expect(Secret("hunter2").reveal() == "hunter2")
        #expect(Secret("hunter2").withValue { $0.utf8.count } == 7)
    }

    @Test func comparesTheText() {
        #expect(Secret("a") == Secret("a"))
        #expect(Secret("a") != Secret("b") && Secret("a") != Secret("ab") && Secret("ab") != Secret("aa"))
    }
}
