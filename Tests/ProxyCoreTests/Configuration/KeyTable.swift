@testable import ProxyCore

/// Values of every key, with the neighbour just outside each range.
enum KeyTable {
    static let accepted: [Accepted] = sources + caching + freshness + fetching + serving

    private static let imgproxy = ["DIALECTS": "own,imgproxy", "IMGPROXY_KEYS": "01,02", "IMGPROXY_SALTS": "03,04"]

    private static let sources = [
        Accepted("ALLOWED_HOSTS", "a.example, *.b.example") { $0.source.allowedHosts = ["a.example", "*.b.example"] },
        Accepted("ALLOWED_HOSTS", "*") { $0.source.allowedHosts = ["*"] },
        Accepted("ALLOWED_NETWORKS", "10.0.0.0/8,[fd00::1]/128:8080") {
            $0.source.allowedNetworks = ["10.0.0.0/8", "[fd00::1]/128:8080"]
        },
        Accepted("ALLOWED_NETWORKS", "") { $0.source.allowedNetworks = [] },
        Accepted("ALLOWED_PORTS", "1, 65535,1") { $0.source.allowedPorts = [1, 65535] },
        Accepted("SIGNING_KEYS", "first, second") { $0.signing.keys = [Secret("first"), Secret("second")] },
        Accepted("DIALECTS", "own") { $0.signing.dialects = [.own] },
        Accepted("IMGPROXY_KEYS", "00fF,aa", with: imgproxy) {
            $0.signing.imgproxy.keys = [Secret("00fF"), Secret("aa")]
        },
        Accepted("IMGPROXY_SALTS", "68656C6C6F,00", with: imgproxy) {
            $0.signing.imgproxy.salts = [Secret("68656C6C6F"), Secret("00")]
        },
        Accepted("IMGPROXY_SIGNATURE_SIZE", "8") { $0.signing.imgproxy.signatureLength = 8 },
        Accepted("IMGPROXY_SOURCE_URL_ENCRYPTION_KEY", String(repeating: "0a", count: 24), with: imgproxy) {
            $0.signing.imgproxy.encryptionKey = Secret(String(repeating: "0a", count: 24))
        },
    ]

    private static let caching = [
        Accepted("CACHE", "off") { $0.cache.store = .off },
        Accepted("CACHE_KEY", "img/{url}/v2") { $0.cache.imageKey = CacheKeyTemplate("img/{url}/v2")! },
        Accepted("METADATA_KEY", "{url}") { $0.cache.metadataKey = CacheKeyTemplate(prefix: "") },
        Accepted("CACHE_TTL", "1s") { $0.cache.imageTTL = .seconds(1) },
        Accepted("METADATA_TTL", "3650d") { $0.cache.metadataTTL = .seconds(315_360_000) },
        Accepted("CACHE_FORMAT", "raw") { $0.cache.format = .raw },
        Accepted("MAX_CACHE_SIZE", "0") { $0.cache.maximumSize = .zero },
        Accepted("MAX_CACHE_SIZE", "5242881") { $0.cache.maximumSize = ByteCount(5_242_881) },
        Accepted("CHUNK_SIZE", "3") { $0.cache.requestedChunkSize = ByteCount(3) },
        Accepted("CHUNK_SIZE", "1KiB") { $0.cache.requestedChunkSize = .kibibytes(1) },
        Accepted("CHUNK_SIZE", "64MiB") { $0.cache.requestedChunkSize = .mebibytes(64) },
        Accepted("MEMORY_CACHE_SIZE", "0") { $0.cache.memorySize = .zero },
        Accepted("FILE_CACHE_SIZE", "1MiB") { $0.cache.fileCacheSize = .mebibytes(1) },
        Accepted("HANDOVER", "off") { $0.cache.handover = nil },
        Accepted("STORE_BUDGET", "64GiB") { $0.cache.storeBudget = .gibibytes(64) },
        Accepted("CACHE_TIMEOUT", "10s") { $0.cache.timeout = .seconds(10) },
    ]

    private static let freshness = [
        Accepted("MIN_TTL", "5m") { $0.freshness.minimumTTL = .seconds(300) },
        Accepted("MAX_TTL", "0") { $0.freshness.maximumTTL = .zero },
        Accepted("NEGATIVE_TTL", "1500ms") { $0.freshness.negativeTTL = .milliseconds(1500) },
        Accepted("IGNORE_ORIGIN_CACHE_CONTROL", "on") { $0.freshness.ignoresOriginCacheControl = true },
        Accepted("STALE_WHILE_REVALIDATE", "0s") { $0.freshness.staleWhileRevalidate = .zero },
        Accepted("STALE_IF_ERROR", "2d") { $0.freshness.staleIfError = .seconds(172_800) },
        Accepted("CLIENT_NO_CACHE", "on") { $0.freshness.honorsClientNoCache = true },
    ]

    private static let fetching = [
        Accepted("MAX_IMAGE_SIZE", "64GiB") { $0.fetch.maximumImageSize = .gibibytes(64) },
        Accepted("CONNECT_TIMEOUT", "1ms") { $0.fetch.connectTimeout = .milliseconds(1) },
        Accepted("FIRST_BYTE_TIMEOUT", "2m") { $0.fetch.firstByteTimeout = .seconds(120) },
        Accepted("STALL_TIMEOUT", " 5s\t") { $0.fetch.stallTimeout = .seconds(5) },
        Accepted("TOTAL_TIMEOUT", "1h") { $0.fetch.totalTimeout = .seconds(3600) },
        Accepted("CA_FILE", "/etc/ssl/own.pem") { $0.fetch.certificateAuthorityFile = "/etc/ssl/own.pem" },
        Accepted("CA_FILE", "") { $0.fetch.certificateAuthorityFile = nil },
        Accepted("MAX_REDIRECTS", "0") { $0.fetch.maximumRedirects = 0 },
        Accepted("MAX_REDIRECTS", "20") { $0.fetch.maximumRedirects = 20 },
    ]

    private static let serving = [
        Accepted("WORKERS", "1") { $0.server.workers = 1 },
        Accepted("WORKERS", "1024") { $0.server.workers = 1024 },
        Accepted("WORKERS", "") { $0.server.workers = nil },
        Accepted("CORS_ORIGIN", "*") { $0.server.corsOrigin = "*" },
        Accepted("CORS_ORIGIN", "http://localhost:3000") { $0.server.corsOrigin = "http://localhost:3000" },
        Accepted("CORS_ORIGIN", "https://[::1]:8443") { $0.server.corsOrigin = "https://[::1]:8443" },
        Accepted("CORS_ORIGIN", "") { $0.server.corsOrigin = nil },
        Accepted("ADMIN_NETWORKS", "loopback,10.0.0.0/8") {
            $0.server.adminNetworks = ["127.0.0.0/8", "::1/128", "10.0.0.0/8"]
        },
        Accepted("ADMIN_NETWORKS", "") { $0.server.adminNetworks = [] },
        Accepted("STATUS_LISTEN", "unix:/run/s.sock") { $0.server.statusListen = "unix:/run/s.sock" },
        Accepted("STATUS_LISTEN", "[::1]:9001") { $0.server.statusListen = "[::1]:9001" },
        Accepted("DRAIN_TIMEOUT", "0") { $0.server.drainTimeout = .zero },
        Accepted("SERVER_TIMING", "on") { $0.server.sendsServerTiming = true },
        Accepted("CACHE_STATUS_KEY", "on") { $0.server.showsCacheKey = true },
        Accepted("SVG", "fence") { $0.media.svg = .fence },
        Accepted("LOG_LEVEL", "trace") { $0.log.level = .trace },
        Accepted("LOG_LEVEL", "critical") { $0.log.level = .critical },
        Accepted("LOG_FORMAT", "json") { $0.log.format = .json },
        Accepted("LOG_FULL_URLS", "on") { $0.log.includesFullURLs = true },
    ]

    /// Times that are none, whatever the range.
    private static let badTimes = [
        "", "5", "-1s", "+1s", "1.5s", "1 s", "1S", "1w", "s", "9223372036854775807d", "1\u{301}s",
    ]
    private static let badSizes = [
        "", "5MB", "5M", "5 MiB", "-1", "+1", "1.5MiB", "0x10", "MiB", "9223372036854775807GiB",
    ]

    static let refused: [Refused] = [
        Refused("ALLOWED_HOSTS", ["a,,b", "a b", "a,", ",", "a\u{a0}b"], "a comma list of hosts"),
        Refused("ALLOWED_NETWORKS", ["10.0.0.0/8,,", "1 2"], "a comma list of networks"),
        Refused("ALLOWED_PORTS", ["", "0", "65536", "80;443", "http", "+80", "80,"], "ports from 1 to 65535"),
        Refused("SIGNING_KEYS", ["", ",", "a,,b"], "a secret is empty"),
        Refused("SIGNING_KEYS_FILE", ["/nowhere"], "it cannot be read"),
        Refused("IMGPROXY_KEYS", ["", "0", "xx", "00,"], "one is not hexadecimal"),
        Refused("IMGPROXY_SALTS", ["", "hello", "00,,00"], "one is not hexadecimal"),
        Refused("IMGPROXY_SIGNATURE_SIZE", ["", "7", "33", "all"], "from 8 to 32"),
        Refused("IMGPROXY_SOURCE_URL_ENCRYPTION_KEY", ["", "00", String(repeating: "0g", count: 16)], "32, 48 or 64"),
        Refused("DIALECTS", ["", "Own", "own;camo", "unsafe"], "expected a comma list of own or camo or imgproxy"),
        Refused("CACHE", ["", "on", "memcached://localhost"], "redis://"),
        Refused("CACHE_KEY", ["", "image", "{url}{url}", "a {url}", "{URL}", "{url"], "{url} exactly once"),
        Refused("METADATA_KEY", ["image", "{url}\u{7f}"], "{url} exactly once"),
        Refused("CACHE_TTL", badTimes + ["0", "0s", "999ms", "3651d"], "from 1s to 3650d"),
        Refused("METADATA_TTL", badTimes + ["0", "3651d"], "from 1s to 3650d"),
        Refused("CACHE_FORMAT", ["", "JSON", "msgpack"], "json or raw"),
        Refused("MAX_CACHE_SIZE", badSizes + ["257MiB"], "from 0 to 256MiB"),
        Refused("CHUNK_SIZE", badSizes + ["2", "0", "65MiB"], "from 3 to 64MiB"),
        Refused("MEMORY_CACHE_SIZE", badSizes + ["off"], "a size such as"),
        Refused("FILE_CACHE_SIZE", badSizes + ["0", "1023KiB"], "from 1MiB to"),
        Refused("CACHE", ["file:{here}/cache"], "the folder of the configuration file"),
        Refused(
            "HANDOVER",
            [
                "", "on", "x-accel-redirect", "x-accel-redirect:", "x-accel-redirect:/", "x-accel-redirect:/a",
                "x-accel-redirect:a/", "x-accel-redirect://a/", "x-accel-redirect:/a b/", "x-accel-redirect:/../",
            ], "off, x-sendfile, or x-accel-redirect:"),
        Refused("STORE_BUDGET", badSizes + ["0", "65535", "65GiB"], "from 64KiB to 64GiB"),
        Refused("CACHE_TIMEOUT", badTimes + ["0", "10001ms"], "from 1ms to 10s"),
        Refused("MIN_TTL", badTimes + ["3651d"], "from 0 to 3650d"),
        Refused("MAX_TTL", badTimes, "a time with its unit"),
        Refused("NEGATIVE_TTL", badTimes, "a time with its unit"),
        Refused("IGNORE_ORIGIN_CACHE_CONTROL", ["", "yes", "1", "ON", "true"], "on or off"),
        Refused("STALE_WHILE_REVALIDATE", badTimes, "a time with its unit"),
        Refused("STALE_IF_ERROR", badTimes, "a time with its unit"),
        Refused("CLIENT_NO_CACHE", ["", "yes", "1", "ON", "true"], "on or off"),
        Refused("MAX_IMAGE_SIZE", badSizes + ["0", "65GiB"], "from 1 to 64GiB"),
        Refused("CONNECT_TIMEOUT", badTimes + ["0", "3601s"], "from 1ms to 1h"),
        Refused("FIRST_BYTE_TIMEOUT", badTimes + ["0"], "from 1ms to 1h"),
        Refused("STALL_TIMEOUT", badTimes + ["0"], "from 1ms to 1h"),
        Refused("TOTAL_TIMEOUT", badTimes + ["0"], "from 1ms to 1h"),
        Refused("CA_FILE", ["ca.pem", "~/ca.pem", "/a\nb"], "the absolute path of a PEM file, or nothing"),
        Refused("MAX_REDIRECTS", ["", "21", "-1", "three"], "a whole number from 0 to 20"),
        Refused("WORKERS", ["0", "1025", "auto", "4.0", "99999999999999999999"], "a whole number from 1 to 1024"),
        Refused(
            "CORS_ORIGIN",
            [
                "null", "example.com", "https://Example.com", "https://a/", "https://a,https://b", "https://",
                "https://a:0", "https://a:65536", "https://a:", "https://[::1", "https://[1]", "ftp://a",
                "https://a\r\nSet-Cookie: b", "* ,*", "https://é.example",
            ], "* or one origin"),
        Refused("ADMIN_NETWORKS", ["a b", "loopback,"], "the word loopback"),
        Refused(
            "STATUS_LISTEN", ["unix:", "unix:s.sock", "/run/s.sock", "127.0.0.1", "::1:9001", "localhost:0"],
            "unix:/path/of.sock or an address and a port such as 127.0.0.1:9001"),
        Refused("DRAIN_TIMEOUT", badTimes + ["61m"], "from 0 to 1h"),
        Refused("SERVER_TIMING", ["", "yes"], "on or off"),
        Refused("CACHE_STATUS_KEY", ["", "key"], "on or off"),
        Refused("SVG", ["rasterize"], "rasterize is not in this version yet"),
        Refused("SVG", ["", "allow"], "expected refuse or fence"),
        Refused("LOG_LEVEL", ["", "warn", "INFO"], "trace or debug or info or notice or warning or error or critical"),
        Refused("LOG_FORMAT", ["", "logfmt"], "text or json"),
        Refused("LOG_FULL_URLS", ["", "yes"], "on or off"),
    ]
}
