// swift-tools-version: 6.2
import PackageDescription

let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .strictMemorySafety(),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
]

/// The release executable carries the Swift runtime in itself: it starts twice as fast, which plain CGI pays for
/// on every request, and it runs on a server that has no Swift toolchain.
let selfContained = ["-static-stdlib"]

let package = Package(
    name: "image-proxy",
    products: [
        .executable(name: "image-proxy", targets: ["image-proxy"]),
        // The same program, linked by scripts/make-dist with libfcgi, hiredis and libstdc++ inside.
        .executable(name: "image-proxy-portable", targets: ["image-proxy"]),
    ],
    dependencies: [.package(url: "https://github.com/apple/swift-log", from: "1.16.2")],
    targets: [
        // C libraries as Debian packages them. Each has one importer, the wrapper of its name.
        .systemLibrary(name: "CFastCGI", providers: [.apt(["libfcgi-dev"])]),
        .systemLibrary(name: "CCurl", providers: [.apt(["libcurl4-openssl-dev"])]),
        .systemLibrary(name: "CHiredis", providers: [.apt(["libhiredis-dev"])]),
        .systemLibrary(name: "COpenSSL"),
        .systemLibrary(name: "CMalloc"),
        .target(name: "CBase64", cSettings: [.unsafeFlags(["-O3", "-Wall", "-Wextra", "-Werror"])]),

        .target(name: "FastCGI", dependencies: ["CFastCGI"], swiftSettings: strict),
        .target(name: "Curl", dependencies: ["CCurl"], swiftSettings: strict),
        .target(name: "Redis", dependencies: ["CHiredis"], swiftSettings: strict),
        .target(name: "Base64", dependencies: ["CBase64"], swiftSettings: strict),
        .target(name: "Crypto", dependencies: ["COpenSSL"], swiftSettings: strict),
        .target(name: "Files", swiftSettings: strict),

        .target(name: "ProxyCore", swiftSettings: strict),
        .target(
            name: "ProxyServer",
            dependencies: [
                "ProxyCore", "FastCGI", "Curl", "Redis", "Base64", "Crypto", "Files",
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: strict),
        .executableTarget(
            name: "image-proxy",
            dependencies: [
                "ProxyCore", "ProxyServer", "FastCGI", "CMalloc", .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: strict + [.unsafeFlags(selfContained, .when(configuration: .release))],
            linkerSettings: [
                .unsafeFlags(selfContained, .when(configuration: .release)),
                .linkedLibrary("swiftSynchronization", .when(configuration: .release)),
            ]),

        .testTarget(name: "ProxyCoreTests", dependencies: ["ProxyCore", "Crypto"], swiftSettings: strict),
        .testTarget(name: "Base64Tests", dependencies: ["Base64"], swiftSettings: strict),
        .testTarget(name: "CryptoTests", dependencies: ["Crypto"], swiftSettings: strict),
        .testTarget(name: "FilesTests", dependencies: ["Files"], swiftSettings: strict),
        .testTarget(name: "RedisTests", dependencies: ["Redis"], swiftSettings: strict),
        .testTarget(name: "CurlTests", dependencies: ["Curl"], swiftSettings: strict),
        .testTarget(name: "FastCGITests", dependencies: ["FastCGI"], swiftSettings: strict),
        .testTarget(
            name: "ProxyServerTests", dependencies: ["ProxyServer", "ProxyCore", "FastCGI"], swiftSettings: strict),
    ]
)

// `make fuzz` alone builds this: its executable is linked with libFuzzer, which brings a main of its own.
if Context.environment["IMAGE_PROXY_FUZZING"] != nil {
    package.targets.append(
        .executableTarget(
            name: "Fuzz", dependencies: ["ProxyCore", "ProxyServer", "Redis", "Curl"], path: "Tests/Fuzz",
            swiftSettings: strict))
}
