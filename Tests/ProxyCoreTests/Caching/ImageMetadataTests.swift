import ProxyCore
import Testing

@Suite struct ImageMetadataTests {
    private let metadata = ImageMetadata(
        width: 640, height: 480, contentType: "image/png", size: 12_345, cachedAt: 1_700_000_000_000)

    /// node -e 'console.log(JSON.stringify({width:640,height:480,contentType:"image/png",size:12345,cachedAt:1700000000000}))'
    private let value = #"{"width":640,"height":480,"contentType":"image/png","size":12345,"cachedAt":1700000000000}"#

    @Test("it is written as node writes it, and read back")
    func roundTrip() throws {
        #expect(String(decoding: metadata.encoded(), as: UTF8.self) == value)
        #expect(try ImageMetadata.parse(Array(value.utf8).span) == metadata)
    }

    @Test("any order, other fields and white space are read")
    func otherLayouts() throws {
        let value =
            #" {"cachedAt":17e11,"x":{"width":[1]},"size":12345.0,"height":480,"width":640,"contentType":"image\/png"}"#
        #expect(try ImageMetadata.parse(Array(value.utf8).span) == metadata)
    }

    @Test("unknown dimensions are 0")
    func unknownDimensions() throws {
        let value = #"{"width":0,"height":0,"contentType":"image/png","size":0,"cachedAt":0}"#
        #expect(try ImageMetadata.parse(Array(value.utf8).span).width == 0)
    }

    @Test(
        "what is no metadata says why",
        arguments: [
            ("", .notJSON), ("[]", .notAnObject), ("{}", .missingField),
            (#"{"width":-1,"height":0,"contentType":"image/png","size":0,"cachedAt":0}"#, .sizeOutOfRange),
            (#"{"width":1,"height":"1","contentType":"image/png","size":0,"cachedAt":0}"#, .wrongType),
            (#"{"width":1,"height":1,"contentType":7,"size":0,"cachedAt":0}"#, .wrongType),
            (#"{"width":1,"height":1,"contentType":"","size":0,"cachedAt":0}"#, .invalidContentType),
            (#"{"width":1,"height":1,"contentType":"image/png","size":0,"cachedAt":-1}"#, .timeOutOfRange),
            (#"{"width":1,"height":1,"contentType":"image/png","size":0}"#, .missingField),
        ] as [(String, RecordError)])
    func refuses(value: String, reason: RecordError) {
        #expect(throws: reason) { try ImageMetadata.parse(Array(value.utf8).span) }
    }
}
