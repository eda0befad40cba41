/// How a value of one type is written: the form in words, and the reader of it.
struct ValueForm<Value: Sendable>: Sendable {
    /// The form in words; made only when it is shown.
    let expected: @Sendable () -> String
    let read: @Sendable (String, ValueContext) throws(MalformedValue) -> Value
    /// The value's text as it may be shown.
    var redact: @Sendable (String) -> String = { $0 }
}

/// What reading a value may need beyond its text.
struct ValueContext {
    let validators: Configuration.Validators
    let readSecretFile: (String) -> String?
    /// The folder of the configuration file; nil where there is none.
    var fileFolder: String?
}

/// A value that has not the form of its key. The note says more where there is more to say; it never holds a secret.
struct MalformedValue: Error {
    var note: String?
}

extension ValueForm {
    /// A form whose reader answers nil for what it does not accept.
    init(_ expected: @autoclosure @escaping @Sendable () -> String, _ parse: @escaping @Sendable (String) -> Value?) {
        self.init(expected: expected) { (text, _) throws(MalformedValue) in
            guard let value = parse(text) else { throw MalformedValue() }
            return value
        }
    }

    /// The same form, where an empty value means none.
    var orNone: ValueForm<Value?> {
        ValueForm<Value?>(
            expected: { "\(expected()), or nothing" },
            read: { (text, context) throws(MalformedValue) in text.isEmpty ? nil : try read(text, context) },
            redact: redact)
    }
}

extension ValueForm<ByteCount> {
    static func size(_ range: ClosedRange<ByteCount>) -> Self {
        Self("a size such as 5MiB, 512KiB, 2GiB or plain bytes, from \(range.lowerBound) to \(range.upperBound)") {
            ByteCount($0).flatMap { range.contains($0) ? $0 : nil }
        }
    }
}

extension ValueForm<Duration> {
    static func time(_ range: ClosedRange<Duration>) -> Self {
        Self(
            """
            a time with its unit such as 250ms, 3s, 2m, 1h or 7d, \
            from \(range.lowerBound.configurationText) to \(range.upperBound.configurationText)
            """
        ) { Duration(configurationText: $0).flatMap { range.contains($0) ? $0 : nil } }
    }
}

extension ValueForm<Int> {
    static func number(_ range: ClosedRange<Int>) -> Self {
        Self("a whole number from \(range.lowerBound) to \(range.upperBound)") {
            ConfigurationText.number($0).flatMap { range.contains($0) ? $0 : nil }
        }
    }
}

extension ValueForm<Bool> {
    static var onOff: Self {
        Self("on or off") {
            switch $0 {
            case "on": true
            case "off": false
            default: nil
            }
        }
    }
}

extension ValueForm<String> {
    /// A file that the program will have to read: found out now, and not when the first request needs it.
    static func readableFile(_ what: String) -> Self {
        Self(expected: { "the absolute path of \(what)" }) { (text, context) throws(MalformedValue) in
            guard ConfigurationText.isAbsolutePath(text) else { throw MalformedValue() }
            guard context.validators.readableFile(text) else { throw MalformedValue(note: "it cannot be read") }
            return text
        }
    }
}

extension ValueForm where Value: CaseIterable & RawRepresentable<String> {
    /// One word of a closed set. `notYet` are words that have a meaning, but not in this version.
    static func word(notYet: [String] = []) -> Self {
        Self(expected: { Value.allCases.map(\.rawValue).joined(separator: " or ") }) {
            (text, _) throws(MalformedValue) in
            guard let value = Value(rawValue: text) else {
                throw MalformedValue(note: notYet.contains(text) ? "\(text) is not in this version yet" : nil)
            }
            return value
        }
    }
}
