internal import CHiredis

/// One word of a command: any bytes at all, so a key with spaces, CR LF or NUL is one word like every other.
public struct RedisArgument: Sendable, Hashable, ExpressibleByStringLiteral {
    /// What Redis receives.
    public let bytes: [UInt8]

    /// The bytes as they are.
    public init(_ bytes: [UInt8]) { self.bytes = bytes }
    /// The UTF-8 of a text.
    public init(_ text: String) { bytes = Array(text.utf8) }
    /// A number in decimal.
    public init(_ number: Int) { self.init(String(number)) }
    /// The UTF-8 of a literal, for the names of commands and options.
    public init(stringLiteral text: String) { self.init(text) }
}

extension RedisArgument {
    /// Redis' own `proto-max-bulk-len`; far below what hiredis, which counts in `int`, can frame.
    private static let commandLimit = 512 << 20

    /// A command as it goes over the wire, framed by hiredis from lengths, never from a format or a NUL.
    static func encode(_ command: [RedisArgument]) throws(RedisError) -> [UInt8] {
        precondition(command.first?.bytes.isEmpty == false, "a command has a name")
        var words: [UInt8] = []
        for argument in command {
            guard argument.bytes.count <= commandLimit - words.count else { throw .tooLarge }
            words += argument.bytes
        }
        let lengths = command.map(\.bytes.count)
        let encoded = unsafe words.withUnsafeBufferPointer { words in
            unsafe words.withMemoryRebound(to: CChar.self) { words in unsafe frame(words, lengths) }
        }
        guard let encoded else { throw .tooLarge }
        return encoded
    }

    /// Frames `words`, which holds as many bytes as `lengths` add up to; nil when there is no memory for it.
    private static func frame(_ words: UnsafeBufferPointer<CChar>, _ lengths: [Int]) -> [UInt8]? {
        var offset = 0
        var vector: [UnsafePointer<CChar>?] = unsafe []
        for length in lengths {
            unsafe vector.append(words.baseAddress.map { unsafe $0 + offset })
            offset += length
        }
        var framed: UnsafeMutablePointer<CChar>?
        let count = unsafe redisFormatCommandArgv(&framed, Int32(clamping: lengths.count), &vector, lengths)
        guard count >= 0, let framed = unsafe framed else { return nil }
        defer { unsafe redisFreeCommand(framed) }
        return unsafe Array(UnsafeRawBufferPointer(start: framed, count: Int(count)))
    }
}
