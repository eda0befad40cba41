import ProxyCore
import Testing

@Suite struct MediaTypeTests {
    @Test("a type is known by the label that it is served with", arguments: MediaType.allCases)
    func roundTrip(_ type: MediaType) {
        #expect(MediaType(label: type.contentType) == type)
        #expect(MediaType(label: type.contentType.uppercased()) == type)
    }

    @Test(
        "aliases, parameters and white space around them are understood",
        arguments: [
            ("image/jpg", MediaType.jpeg), ("image/pjpeg", .jpeg), ("image/x-png", .png), ("image/apng", .png),
            ("image/x-icon", .ico), ("image/vnd.microsoft.icon", .ico), ("image/ico", .ico), ("image/x-ms-bmp", .bmp),
            ("image/heif", .heic), ("image/tif", .tiff), ("Image/PNG", .png), (" image/png\t", .png),
            ("image/svg+xml;charset=utf-8", .svg), ("image/svg+xml ; charset=\"utf-8\" ; a=b", .svg),
            ("image/png;", .png), ("image/png;;a=b", .png), ("image/png; a=\"x, \\\"y; z\"", .png),
        ])
    func understood(label: String, type: MediaType) {
        #expect(MediaType(label: label) == type)
    }

    @Test(
        "what is not one media type that is served is no label",
        arguments: [
            "", " ", "image", "image/", "/png", "image//png", "image /png", "image/ png", "image/png/x", "png",
            "image/png, text/html", "image/png,", ",image/png", "text/html, image/png", "image/png text/html",
            "image/png; a", "image/png; a=", "image/png; =b", "image/png; a =b", "image/png; a= b", "image/png; a=\"b",
            "image/png; a=\"b\\", "image/png; a=\"b\"c", "image/png; a=b c", "image/png; a=b, text/html",
            "image/png\r\nX: y", "image/png\n", "image/png\0", "image/png;a=\"\0\"", "image/png;a=\"\u{7F}\"",
            "im\u{E4}ge/png",
            "text/html", "application/octet-stream", "image/*", "*/*", "image/x-unknown", "image/pngx", "video/mp4",
        ])
    func refused(label: String) {
        #expect(MediaType(label: label) == nil)
    }
}
