import ProxyCore
import Testing

@Suite struct OriginResponseTests {
    /// Judges a head whose fields are written as `name: value`.
    private func judge(
        _ status: Int, isConditional: Bool = false, _ lines: [String]
    ) throws(UpstreamFailure) -> OriginResponse {
        let fields = lines.map {
            $0.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        }
        return try OriginResponse(status: status, isConditional: isConditional) { name in
            fields.filter { $0[0] == name }.map { $0[1] }
        }
    }

    static let representations: [(Int, [String], Int?)] = [
        (200, [], nil), (203, [], nil), (200, ["content-length:0"], 0), (200, ["content-length:12345"], 12345),
        (200, ["content-length:5", "content-length:5"], 5), (200, ["content-length:5, 5"], 5),
        (200, ["content-length:007"], 7), (200, ["transfer-encoding:chunked"], nil),
        (200, ["transfer-encoding:Chunked "], nil),
        (200, ["content-encoding:identity"], nil), (200, ["content-encoding:IDENTITY", "content-length:1"], 1),
        (200, ["content-length:9223372036854775807"], .max), (200, ["location:/elsewhere"], nil),
    ]

    @Test("a whole representation, and its length", arguments: representations)
    func represents(_ status: Int, _ lines: [String], _ length: Int?) throws {
        #expect(try judge(status, lines) == .representation(length: length))
    }

    static let broken: [[String]] = [
        ["content-length:"], ["content-length:-1"], ["content-length:+1"], ["content-length:1.5"],
        ["content-length:0x10"], ["content-length:1 2"], ["content-length:9223372036854775808"],
        ["content-length:5", "content-length:6"], ["content-length:5, 6"], ["content-length:5,"],
        ["content-length:\u{0665}"], ["content-length:5\u{301}"], ["content-length:5", "transfer-encoding:chunked"],
    ]

    @Test("lengths that cannot be believed", arguments: broken) func refusesLengths(_ lines: [String]) {
        #expect(throws: UpstreamFailure.broken) { try judge(200, lines) }
    }

    @Test("a content coding is not undone", arguments: ["gzip", "br", "identity, gzip", "x", "deflate"])
    func refusesCodings(_ coding: String) {
        #expect(throws: UpstreamFailure.encoded) { try judge(200, ["content-encoding:\(coding)"]) }
    }

    static let transferCodings: [[String]] = [
        ["gzip"], ["gzip, chunked"], ["chunked, gzip"], ["gzip", "chunked"], ["chunked", "chunked"],
        ["chunked, chunked"],
        ["identity"], ["x-gzip"], [""], ["chunked;q=1"], ["chunked,"],
    ]

    @Test("a transfer coding is not undone, but for the chunks", arguments: transferCodings)
    func refusesTransferCodings(_ codings: [String]) {
        let lines = codings.map { "transfer-encoding:\($0)" }
        #expect(throws: UpstreamFailure.encoded) { try judge(200, lines) }
        #expect(throws: UpstreamFailure.encoded) { try judge(200, lines + ["content-length:5"]) }
    }

    @Test("redirects", arguments: [301, 302, 303, 307, 308]) func redirects(_ status: Int) throws {
        #expect(try judge(status, ["location:/a?b"]) == .redirect(reference: "/a?b"))
        #expect(try judge(status, ["location:/a", "location:/a"]) == .redirect(reference: "/a"))
        #expect(throws: UpstreamFailure.badRedirect) { try judge(status, []) }
        #expect(throws: UpstreamFailure.badRedirect) { try judge(status, ["location:/a", "location:/b"]) }
    }

    @Test("an image that is not there", arguments: [404, 410]) func missing(_ status: Int) {
        #expect(throws: UpstreamFailure.missing(status: status)) { try judge(status, []) }
    }

    @Test(
        "statuses that bring no image",
        arguments: [
            0, 100, 101, 201, 202, 204, 206, 226, 300, 304, 305, 306, 309, 400, 401, 403, 405, 409, 411, 451, 500, 503,
            599, 999,
        ])
    func bringsNoImage(_ status: Int) {
        #expect(throws: UpstreamFailure.status(status)) { try judge(status, ["location:/a", "content-length:1"]) }
    }

    @Test func a304AnswersOnlyACondition() throws {
        #expect(try judge(304, isConditional: true, ["content-length:5", "content-encoding:gzip"]) == .notModified)
        #expect(throws: UpstreamFailure.status(304)) { try judge(304, ["etag:\"a\""]) }
    }

    @Test("a condition changes nothing but the 304", arguments: [200, 302, 404, 410, 412, 500])
    func condition(_ status: Int) {
        let lines = ["location:/a"]
        let plain = Result { () throws(UpstreamFailure) in try judge(status, lines) }
        #expect(Result { () throws(UpstreamFailure) in try judge(status, isConditional: true, lines) } == plain)
    }

    @Test func everyFieldThatIsLookedAtIsKept() throws {
        var asked: Set<String> = []
        for status in [200, 302] {
            _ = try? OriginResponse(status: status) { name in
                asked.insert(name)
                return []
            }
        }
        _ = try OriginResponse(status: 200) { name in
            asked.insert(name)
            return name == "content-length" ? ["1"] : []
        }
        _ = OriginFields { name in
            asked.insert(name)
            return []
        }
        #expect(asked == OriginResponse.fieldNames)
    }
}
