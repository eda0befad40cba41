/// Reads the heads of RESP2 replies, strictly, out of one buffer of a fixed size, and hands out what follows them.
///
/// It serves the large strings: hiredis' parser would hold a whole value, twice, before we saw its first byte. It does
/// no input of its own (`fill` lends its free space) and trusts nothing: a line is bounded, a number is canonical
/// decimal within 64 bits, every line ends with CR LF, and anything else is a `protocolViolation`.
struct RESPReader {
    /// The first line of a reply.
    enum Head: Equatable {
        case status(String)
        case error(String)
        case integer(Int64)
        /// A string of so many bytes, with CR LF after them, follows.
        case string(length: Int)
        /// So many replies follow.
        case array(count: Int)
        case null
    }

    /// Longer than any status or error that Redis answers to our commands.
    static let lineLimit = 1024

    private var buffer: [UInt8]
    private var start = 0
    private var end = 0

    init(capacity: Int = 16 << 10) {
        precondition(capacity > Self.lineLimit + 2, "a line fits into the buffer")
        buffer = [UInt8](repeating: 0, count: capacity)
    }

    /// How many bytes have come in and not been taken.
    var buffered: Int { end - start }

    /// Forgets them.
    mutating func clear() { (start, end) = (0, 0) }
}

// MARK: - In

extension RESPReader {
    /// Lends the free space to `receive`, which returns how many bytes it has put at its beginning.
    mutating func fill(
        _ receive: (UnsafeMutableRawBufferPointer) throws(RedisError) -> Int
    ) throws(RedisError) {
        makeRoom()
        let free = end..<buffer.count
        var span = buffer.mutableSpan
        let count = try unsafe span.withUnsafeMutableBytes { bytes throws(RedisError) in
            try unsafe receive(UnsafeMutableRawBufferPointer(rebasing: bytes[free]))
        }
        precondition((0...free.count).contains(count), "no more than there is room for")
        end += count
    }

    private mutating func makeRoom() {
        if start == end {
            clear()
        } else if end == buffer.count {
            buffer.replaceSubrange(0..<buffered, with: buffer[start..<end])
            (start, end) = (0, buffered)
        }
        precondition(end < buffer.count, "what has come is taken before more is asked for")
    }
}

// MARK: - Out

extension RESPReader {
    /// Takes the next head; nil when more bytes are needed to know it.
    mutating func head() throws(RedisError) -> Head? {
        guard buffered > 0 else { return nil }
        let type = buffer[start]
        guard Self.types.contains(type) else { throw .protocolViolation }
        guard let line = try lineEnd() else { return nil }
        let content = buffer[(start + 1)..<line]
        start = line + 2
        switch type {
        case UInt8(ascii: "+"): return .status(String(decoding: content, as: UTF8.self))
        case UInt8(ascii: "-"): return .error(String(decoding: content, as: UTF8.self))
        case UInt8(ascii: ":"): return .integer(try Self.number(content))
        case UInt8(ascii: "$"): return try Self.length(content).map { .string(length: $0) } ?? .null
        default: return try Self.length(content).map { .array(count: $0) } ?? .null
        }
    }

    /// Takes up to `limit` bytes of a string's content and returns how many there were.
    mutating func take(into target: UnsafeMutableRawBufferPointer, atMost limit: Int) -> Int {
        let count = min(buffered, limit, target.count)
        unsafe buffer.withUnsafeBytes { bytes in
            unsafe target.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[start..<(start + count)]))
        }
        start += count
        return count
    }

    /// Drops up to `limit` bytes of a string's content and returns how many there were.
    mutating func skip(atMost limit: Int) -> Int {
        let count = min(buffered, limit)
        start += count
        return count
    }

    /// Takes the CR LF after a string's content; false when more bytes are needed.
    mutating func takeTerminator() throws(RedisError) -> Bool {
        let seen = buffer[start..<min(end, start + 2)]
        guard seen.elementsEqual([Self.carriageReturn, Self.lineFeed].prefix(seen.count)) else {
            throw .protocolViolation
        }
        guard seen.count == 2 else { return false }
        start += 2
        return true
    }

    /// Passes all that has come to another parser.
    mutating func takeAll(_ body: (UnsafeRawBufferPointer) throws(RedisError) -> Void) throws(RedisError) {
        let arrived = start..<end
        try unsafe buffer.span.withUnsafeBytes { bytes throws(RedisError) in
            try unsafe body(UnsafeRawBufferPointer(rebasing: bytes[arrived]))
        }
        clear()
    }
}

// MARK: - Lines and numbers

extension RESPReader {
    private static let types: [UInt8] = Array("+-:$*".utf8)
    private static let carriageReturn = UInt8(ascii: "\r")
    private static let lineFeed = UInt8(ascii: "\n")

    /// Where the CR LF of the line at `start` is; nil when it has not come yet.
    private func lineEnd() throws(RedisError) -> Int? {
        let bound = min(end, start + Self.lineLimit)
        let special = buffer[start..<bound].firstIndex { $0 == Self.carriageReturn || $0 == Self.lineFeed }
        guard let special else {
            if bound < end { throw .protocolViolation }
            return nil
        }
        guard buffer[special] == Self.carriageReturn else { throw .protocolViolation }
        guard special + 1 < end else { return nil }
        guard buffer[special + 1] == Self.lineFeed else { throw .protocolViolation }
        return special
    }

    /// A length; nil for the -1 by which RESP2 says that there is nothing.
    private static func length(_ digits: ArraySlice<UInt8>) throws(RedisError) -> Int? {
        let number = try number(digits)
        if number == -1 { return nil }
        guard number >= 0, let length = Int(exactly: number) else { throw .protocolViolation }
        return length
    }

    /// Canonical decimal: no sign but a minus, no zero in front, nothing past 64 bits.
    private static func number(_ text: ArraySlice<UInt8>) throws(RedisError) -> Int64 {
        let isNegative = text.first == UInt8(ascii: "-")
        let digits = isNegative ? text.dropFirst() : text
        guard let first = digits.first, first != UInt8(ascii: "0") || text.count == 1 else { throw .protocolViolation }
        var number: Int64 = 0
        for digit in digits {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) else { throw .protocolViolation }
            let value = Int64(digit &- UInt8(ascii: "0"))
            let (tens, carried) = number.multipliedReportingOverflow(by: 10)
            let (next, overflowed) =
                isNegative ? tens.subtractingReportingOverflow(value) : tens.addingReportingOverflow(value)
            guard !carried, !overflowed else { throw .protocolViolation }
            number = next
        }
        return number
    }
}
