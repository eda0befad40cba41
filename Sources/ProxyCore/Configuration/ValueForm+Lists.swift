extension ValueForm {
    /// A comma list, each item by `item`; blanks around an item are dropped, and an empty item is none.
    static func commaList<Element>(
        _ expected: String, _ item: @escaping @Sendable (String, ValueContext) throws(MalformedValue) -> Element
    ) -> ValueForm<[Element]> where Value == [Element] {
        ValueForm<[Element]>(expected: { "a comma list of \(expected)" }) { (text, context) throws(MalformedValue) in
            var elements: [Element] = []
            for part in ConfigurationText.items(text) { elements.append(try item(part, context)) }
            return elements
        }
    }
}

extension ValueForm<[String]> {
    /// A comma list of texts that a validator judges; empty means none.
    static func validated(
        _ expected: String, _ validator: @escaping @Sendable (Configuration.Validators) -> (String) -> Bool
    ) -> Self {
        let list = commaList(expected) { (text, context) throws(MalformedValue) in
            guard validator(context.validators)(text) else { throw .item(text) }
            return text
        }
        return ValueForm(expected: { "\(list.expected()), or nothing" }) { (text, context) throws(MalformedValue) in
            text.isEmpty ? [] : try list.read(text, context)
        }
    }
}

extension ValueForm<Set<UInt16>> {
    /// A comma list of ports.
    static var ports: Self {
        let list = ValueForm<[UInt16]>.commaList("ports from 1 to 65535") { (text, _) throws(MalformedValue) in
            guard let port = ConfigurationText.port(text) else { throw .item(text) }
            return port
        }
        return Self(expected: list.expected) { (text, context) throws(MalformedValue) in
            Set(try list.read(text, context))
        }
    }
}

extension ValueForm where Value: RangeReplaceableCollection, Value.Element: CaseIterable & RawRepresentable<String> {
    /// A comma list of words of a closed set.
    static func words<Word>(notYet: [String] = []) -> Self where Value == [Word] {
        let word = ValueForm<Word>.word(notYet: notYet)
        return commaList(word.expected()) { (text, context) throws(MalformedValue) in
            do throws(MalformedValue) { return try word.read(text, context) } catch {
                throw error.note == nil ? .item(text) : error
            }
        }
    }
}

extension ValueForm<[Secret]> {
    /// A comma list of secrets, none of them empty.
    static var secrets: Self {
        var list = commaList("secrets, none of them empty") { (text, _) throws(MalformedValue) in try secret(text) }
        list.redact = { _ in Secret.redacted }
        return list
    }

    /// The path of a file that holds secrets, one a line or in a comma list.
    static var secretFile: Self {
        Self(expected: { "the path of a readable file of secrets, one a line or in a comma list" }) {
            (path, context) throws(MalformedValue) in
            guard let text = context.readSecretFile(path) else { throw MalformedValue(note: "it cannot be read") }
            var secrets: [Secret] = []
            for line in text.split(whereSeparator: \.isNewline) {
                let line = ConfigurationText.trimmed(line.utf8)
                if line.isEmpty { continue }
                for item in ConfigurationText.items(line) { secrets.append(try secret(item)) }
            }
            guard !secrets.isEmpty else { throw MalformedValue(note: "it holds no secret") }
            return secrets
        }
    }

    private static func secret(_ text: String) throws(MalformedValue) -> Secret {
        guard !text.isEmpty else { throw MalformedValue(note: "a secret is empty") }
        return Secret(text)
    }
}

extension MalformedValue {
    /// An item of a list that is not one.
    fileprivate static func item(_ text: String) -> MalformedValue {
        MalformedValue(note: text.isEmpty ? "an item is empty" : "\"\(text)\" is not one")
    }
}
