/// A key of the configuration: one row of the table that `--help`, the documents, the reader and its problems share.
///
/// A new key is a property with its default in the struct of its area, and a row in that area's `keys` below it.
public struct ConfigurationKey: Sendable {
    /// What every key begins with; another key that does is a mistake, not somebody else's.
    public static let prefix = "IMAGE_PROXY_"

    /// Every key, in the order of the documents.
    public static let all: [ConfigurationKey] =
        Configuration.Source.keys + Configuration.Signing.keys + Configuration.Cache.keys + Configuration.Freshness.keys
        + Configuration.Fetch.keys + Configuration.Server.keys + Configuration.Media.keys + Configuration.Log.keys

    public let name: String
    /// The default as one would write it, or in words where there is nothing to write.
    public let defaultText: String
    /// Whether `defaultText` is words ("none", "sized for the machine") and not a value.
    public let isDefaultInWords: Bool
    /// What the key does, in one line.
    public let meaning: String
    /// The form that a value must have.
    public var form: String { expected() }

    let read: @Sendable (String, ValueContext, inout Configuration) throws(MalformedValue) -> Void
    let redact: @Sendable (String) -> String
    private let expected: @Sendable () -> String

    /// `set` puts the value where it belongs. (A key path would say it more shortly, and cost every CGI request the
    /// instantiation of a table of them.)
    init<Value>(
        _ name: String, _ set: @escaping @Sendable (inout Configuration, Value) -> Void, _ defaultText: DefaultText,
        _ form: ValueForm<Value>, _ meaning: String
    ) {
        self.init(name, defaultText, expected: form.expected, redact: form.redact, meaning) {
            (text, context, configuration) throws(MalformedValue) in
            set(&configuration, try form.read(text, context))
        }
    }

    /// A key that the caller acts on before the configuration is read.
    init(handledByCaller name: String, _ defaultText: DefaultText, expected: String, _ meaning: String) {
        self.init(name, defaultText, expected: { expected }, redact: { $0 }, meaning) { _, _, _ in }
    }

    private init(
        _ name: String, _ defaultText: DefaultText, expected: @escaping @Sendable () -> String,
        redact: @escaping @Sendable (String) -> String, _ meaning: String,
        read: @escaping @Sendable (String, ValueContext, inout Configuration) throws(MalformedValue) -> Void
    ) {
        self.name = name
        self.defaultText = defaultText.text
        self.isDefaultInWords = defaultText.isInWords
        self.meaning = meaning
        self.expected = expected
        self.redact = redact
        self.read = read
    }

    /// A default in a row: a string literal is the value as one would write it.
    struct DefaultText: ExpressibleByStringLiteral {
        let text: String
        let isInWords: Bool

        init(stringLiteral text: String) {
            self.text = text
            isInWords = false
        }

        private init(inWords text: String) {
            self.text = text
            isInWords = true
        }

        static let none = inWords("none")
        static func inWords(_ text: String) -> DefaultText { DefaultText(inWords: text) }
    }
}
