extension Configuration {
    /// Whether a URL has to be signed.
    public struct Signing: Sendable, Equatable {
        /// The first signs, all verify; with none, URLs are not signed. Default: none.
        public var keys: [Secret] = []
        /// The dialects of signed URLs that are understood. Default: our own alone.
        public var dialects: [Dialect] = [.own]
        /// What the dialect of imgproxy has beside that.
        public var imgproxy = Imgproxy()

        public init() {}

        /// Whether there is a key to verify signatures with: then nothing goes without one.
        public var isRequired: Bool { !keys.isEmpty || (dialects.contains(.imgproxy) && !imgproxy.keys.isEmpty) }
    }

    /// A way to sign a URL.
    public enum Dialect: String, Sendable, CaseIterable {
        case own, camo, imgproxy, willnorris, thumbor
    }

    /// Keys of the dialect of imgproxy, which are pairs of hexadecimal texts.
    public struct Imgproxy: Sendable, Equatable {
        /// The first signs, all verify. Default: none.
        public var keys: [Secret] = []
        /// The salt of each key. Default: none.
        public var salts: [Secret] = []
        /// The bytes that a signature is cut to. Default: all.
        public var signatureLength = SigningHash.sha256.signatureLength
        /// The key of encrypted sources. Default: none, they are not understood.
        public var encryptionKey: Secret?

        public init() {}

        /// Each key with its salt, as bytes.
        var pairs: [(key: [UInt8], salt: [UInt8])] {
            zip(keys, salts).compactMap { key, salt in
                guard let key = Self.bytes(key), let salt = Self.bytes(salt) else { return nil }
                return (key, salt)
            }
        }

        var encryptionKeyBytes: [UInt8]? { encryptionKey.flatMap(Self.bytes) }

        private static func bytes(_ secret: Secret) -> [UInt8]? {
            secret.withValue { Hexadecimal.decode(Array($0.utf8)) }
        }
    }
}

extension Configuration.Signing {
    static var keys: [ConfigurationKey] {
        [
            ConfigurationKey(
                "IMAGE_PROXY_SIGNING_KEYS", { $0.signing.keys = $1 }, .none, .secrets,
                "keys of signed URLs: the first signs, all verify; with one set, unsigned requests are refused"),
            ConfigurationKey(
                "IMAGE_PROXY_SIGNING_KEYS_FILE", { $0.signing.keys = $1 }, .none, .secretFile,
                "a file that holds those keys, in place of IMAGE_PROXY_SIGNING_KEYS"),
            ConfigurationKey(
                "IMAGE_PROXY_DIALECTS", { $0.signing.dialects = $1 }, "own", .words(),
                "dialects of signed URLs that are understood"),
            ConfigurationKey(
                "IMAGE_PROXY_IMGPROXY_KEYS", { $0.signing.imgproxy.keys = $1 }, .none, .hexadecimalSecrets,
                "keys of the imgproxy dialect: the first signs, all verify"),
            ConfigurationKey(
                "IMAGE_PROXY_IMGPROXY_SALTS", { $0.signing.imgproxy.salts = $1 }, .none, .hexadecimalSecrets,
                "salts of the imgproxy dialect, one for each of its keys"),
            ConfigurationKey(
                "IMAGE_PROXY_IMGPROXY_SIGNATURE_SIZE", { $0.signing.imgproxy.signatureLength = $1 }, "32",
                .number(8...32), "bytes that signatures of the imgproxy dialect are cut to"),
            ConfigurationKey(
                "IMAGE_PROXY_IMGPROXY_SOURCE_URL_ENCRYPTION_KEY", { $0.signing.imgproxy.encryptionKey = $1 }, .none,
                .cipherKey, "key of encrypted sources in the imgproxy dialect"),
        ]
    }
}

extension ValueForm<[Secret]> {
    /// A comma list of secrets in hexadecimal.
    fileprivate static var hexadecimalSecrets: Self {
        var list = commaList("secrets in hexadecimal, none of them empty") { (text, _) throws(MalformedValue) in
            guard !text.isEmpty, Hexadecimal.decode(Array(text.utf8)) != nil else {
                throw MalformedValue(note: "one is not hexadecimal")
            }
            return Secret(text)
        }
        list.redact = { _ in Secret.redacted }
        return list
    }
}

extension ValueForm<Secret?> {
    /// A key of AES in hexadecimal.
    fileprivate static var cipherKey: Self {
        Self(
            expected: { "a secret of 32, 48 or 64 hexadecimal digits" },
            read: { (text, _) throws(MalformedValue) in
                guard let bytes = Hexadecimal.decode(Array(text.utf8)), [16, 24, 32].contains(bytes.count) else {
                    throw MalformedValue()
                }
                return Secret(text)
            },
            redact: { _ in Secret.redacted })
    }
}
