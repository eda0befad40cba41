import Testing

@testable import ProxyCore

@Suite struct ConfigurationFileTests {
    /// The rules of systemd.exec(5), and line ends of every kind.
    static let values: [(String, [String: String])] = [
        ("", [:]), ("\n\n \t\n", [:]), ("# A=1\n; B=2\n  # C=3", [:]),
        ("A=1", ["A": "1"]), ("A=1\nB=2\n", ["A": "1", "B": "2"]), ("A=1\nA=2", ["A": "2"]),
        ("  A = 1 \t", ["A": "1"]), ("A=", ["A": ""]), ("A=\nB=1", ["A": "", "B": "1"]),
        ("A=b c  d  ", ["A": "b c  d"]), ("A=b=c", ["A": "b=c"]), ("A=1 # no comment", ["A": "1 # no comment"]),
        ("A=\"b c \"", ["A": "b c "]), ("A=' b '", ["A": " b "]), ("A=''", ["A": ""]), ("A=\"\" ", ["A": ""]),
        ("A='b' \"c\"'d'", ["A": "bcd"]), ("A=\"b\"c ", ["A": "bc"]), ("A=b\"c\"", ["A": "b\"c\""]),
        ("A='a\\b'", ["A": "a\\b"]), ("A='a\nb'\nB=1", ["A": "a\nb", "B": "1"]),
        (#"A="a\"b\\c\$d\`e""#, ["A": "a\"b\\c$d`e"]), (#"A="a\nb""#, ["A": "a\\nb"]),
        ("A=\"a\\\nb\"", ["A": "ab"]), ("A=a\\\nb", ["A": "ab"]), ("A=a\\\n  b\nB=1", ["A": "a  b", "B": "1"]),
        (#"A=a\ \ "#, ["A": "a  "]), ("A=\\a\\\\\\#", ["A": "a\\#"]), ("A=a\\", ["A": "a"]),
        ("A=1\r\nB=2\r\n", ["A": "1", "B": "2"]), ("A=1\rB=2", ["A": "1", "B": "2"]), ("A=a\\\r\nb\r\n", ["A": "ab"]),
        ("# a \\\nA=1", ["A": "1"]), ("_a9=1", ["_a9": "1"]), ("A=é\u{301}", ["A": "é\u{301}"]),
    ]

    @Test("systemd's syntax", arguments: values) func reads(_ text: String, _ expected: [String: String]) {
        let (values, problems) = ConfigurationFile.parse(text)
        #expect(values.mapValues(\.value) == expected)
        #expect(problems.isEmpty)
    }

    @Test(
        "what systemd would drop in silence is a problem with its line",
        arguments: [
            ("A", [1]), ("\n\nA\nB=1\nC", [3, 5]), ("=1", [1]), ("9A=1", [1]), ("A-B=1", [1]), ("export A=1", [1]),
            ("\u{feff}A=1", [1]), ("A=1\n\nB='a\nb", [3]), ("A=\"a", [1]), ("A=a\\\nb\nB", [3]),
            ("A=\"a\\\nb\"\r\nB", [3]),
            ("A=\"a\\", [1]),
        ]) func reports(_ text: String, _ lines: [Int])
    {
        #expect(ConfigurationFile.parse(text).problems.map(\.line) == lines)
    }

    @Test func everyValueKnowsItsLine() {
        let (values, _) = ConfigurationFile.parse("# one\r\nA=1\r\nB=\"\n\n\"\nC=a\\\nb\n  D=1\nA=2")
        #expect(values.mapValues(\.line) == ["A": 9, "B": 3, "C": 6, "D": 8])
    }

    @Test func aLineThatCannotBeReadIsNotShown() {
        let text =
            "IMAGE_PROXY_SIGNING_KEYS hunter2\nexport IMAGE_PROXY_SIGNING_KEYS=hunter2\nIMAGE_PROXY_CACHE='hunter2"
        #expect(!"\(ConfigurationFile.parse(text).problems)".contains("hunter2"))
        #expect(ConfigurationFile.parse(text).problems.count == 3)
    }
}
