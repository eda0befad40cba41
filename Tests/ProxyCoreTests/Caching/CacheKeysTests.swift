import ProxyCore
import Testing

@Suite struct CacheKeysTests {
    private func keys(_ image: String = "image-proxy:{url}", _ metadata: String = "image-metadata:{url}") throws
        -> CacheKeys
    {
        var cache = Configuration.Cache()
        cache.imageKey = try #require(CacheKeyTemplate(image))
        cache.metadataKey = try #require(CacheKeyTemplate(metadata))
        return CacheKeys(cache)
    }

    @Test(
        "each key of a source is known again",
        arguments: ["image-proxy:{url}", "{url}", "{t}:{url}", "a:{url}:b", "fetch:{url}"],
        ["https://h/a", "HTTP://h/", "http://h/{tag}?x", "http://h/}:fetch", "http://h/\u{e9}{", "http://h/:draft-1"])
    func roundTrip(template: String, url: String) throws {
        let keys = try keys(template)
        for key in keys.keys(of: url) {
            let owned = try #require(keys.owned(key.bytes))
            #expect(owned == key)
            #expect(owned.urlText.utf8.elementsEqual(url.utf8))
        }
    }

    @Test("a draft is known by its token", arguments: [("draft-1f", true), ("draft-", false), ("draft-xyz", false)])
    func drafts(name: String, isOurs: Bool) throws {
        let keys = try keys()
        let image = CacheKeyTemplate(prefix: "image-proxy:").key(for: "http://h/a")
        #expect(keys.owned(image.companion(name))?.kind == (isOurs ? .draft : nil))
    }

    @Test(
        "what others have in the same Redis is not ours",
        arguments: [
            "image-proxy:", "image-proxy:settings", "image-proxy:ftp://h/", "Image-proxy:http://h/",
            "session:http://h/",
            "{image-proxy:http://h/}:lock", "{image-proxy:http://h/}fetch", "fetch:image-proxy:http://h/",
            "{image-proxy:settings}:fetch", "x{image-proxy:http://h/}:fetch", "", "http://h/", "image-metadata:http:/h",
            "fetch:fetch:http://h/{x}", "{fetch", "}:fetch", "{}:fetch",
        ])
    func others(key: String) throws { #expect(try keys().owned(Array(key.utf8)) == nil) }

    @Test("a key that is no UTF-8 is not ours")
    func invalidText() throws { #expect(try keys().owned(Array("image-proxy:http://h/".utf8) + [0xff]) == nil) }

    @Test("with one template within the other, an image is an image")
    func overlap() throws {
        let keys = try keys("i:{url}:v2", "i:{url}")
        #expect(keys.keys(of: "http://h/").compactMap { keys.owned($0.bytes)?.kind } == [.image, .metadata, .lease])
    }

    @Test("the patterns for SCAN take the templates literally")
    func patterns() throws {
        let patterns = try keys("a*{url}?", "m:{url}").patterns.map { String(decoding: $0, as: UTF8.self) }
        #expect(patterns == [#"*a\**\?*"#, "m:*"])
    }
}
