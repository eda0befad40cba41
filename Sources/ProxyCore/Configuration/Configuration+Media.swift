extension Configuration {
    /// What kinds of image are served, and how.
    public struct Media: Sendable, Equatable {
        /// What becomes of SVG, which can carry script. Default: it is refused.
        public var svg = SVGPolicy.refuse

        public init() {}

        public enum SVGPolicy: String, Sendable, CaseIterable {
            case refuse
            /// Served where it can do no harm: as an attachment, under a policy that runs nothing.
            case fence
        }
    }
}

extension Configuration.Media {
    static var keys: [ConfigurationKey] {
        [
            ConfigurationKey(
                "IMAGE_PROXY_SVG", { $0.media.svg = $1 }, "refuse",
                .word(notYet: ["rasterize"]),
                "what becomes of SVG: refused, or fenced in (an attachment that runs no script)")
        ]
    }
}
