/// The parsers that strangers reach, one case each. Its corpus is `Tests/Corpus/<name>`.
enum FuzzTarget: String, CaseIterable {
    // What a client sends.
    case query, url, address, conditions, signing
    // What an origin sends.
    case head, fields, media
    // What Redis holds and says.
    case record, resp
    // What is in the folder of the embedded store.
    case file, smallfile
    // What an operator has written, or names: the document may be a stranger's.
    case configuration, document

    func run(_ bytes: [UInt8]) {
        switch self {
        case .query: fuzzQuery(bytes)
        case .url: fuzzURL(bytes)
        case .address: fuzzAddress(bytes)
        case .conditions: fuzzConditions(bytes)
        case .signing: fuzzSigning(bytes)
        case .head: fuzzHead(bytes)
        case .fields: fuzzFields(bytes)
        case .media: fuzzMedia(bytes)
        case .record: fuzzRecord(bytes)
        case .resp: fuzzRESP(bytes)
        case .file: fuzzFile(bytes)
        case .smallfile: fuzzSmallFile(bytes)
        case .configuration: fuzzConfiguration(bytes)
        case .document: fuzzDocument(bytes)
        }
    }
}

/// A property that an input has broken: ends the process, which makes libFuzzer keep the input.
func require(_ condition: Bool, _ what: @autoclosure () -> String) {
    if !condition { fatalError(what()) }
}

/// The lines of an input, for what takes several texts.
func lines(_ bytes: [UInt8]) -> [String] {
    bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).map {
        String(decoding: $0, as: UTF8.self)
    }
}

/// Whether a text could end a header line, or a command.
func hasControls(_ text: String) -> Bool { text.utf8.contains { $0 < 0x20 || $0 == 0x7F } }
