/// Frames commands as they go over the wire (RESP2): from lengths, so that a word may hold any bytes.
struct RESPWriter {
    private(set) var bytes: [UInt8] = []

    init(capacity: Int = 256) { bytes.reserveCapacity(capacity) }

    /// Writes whole commands.
    mutating func write(_ commands: [[RedisArgument]]) {
        for command in commands {
            precondition(command.first?.bytes.isEmpty == false, "a command has a name")
            begin(words: command.count)
            for word in command { write(word.bytes) }
        }
    }

    /// Begins a command of so many words, its name among them.
    mutating func begin(words count: Int) { line(UInt8(ascii: "*"), count) }

    /// Writes the next word.
    mutating func write(_ word: [UInt8]) {
        beginWord(length: word.count)
        bytes += word
        endLine()
    }

    /// Writes the next word.
    mutating func write(_ word: String) {
        beginWord(length: word.utf8.count)
        bytes += word.utf8
        endLine()
    }

    /// Begins a word of so many bytes, which are to follow with CR LF behind them.
    mutating func beginWord(length: Int) { line(UInt8(ascii: "$"), length) }

    private mutating func line(_ type: UInt8, _ number: Int) {
        bytes.append(type)
        bytes += String(number).utf8
        endLine()
    }

    private mutating func endLine() {
        bytes.append(UInt8(ascii: "\r"))
        bytes.append(UInt8(ascii: "\n"))
    }
}
