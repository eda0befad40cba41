import Glibc
public import Logging
import ProxyCore

/// Writes one line an event to standard error, as `key=value` text or as JSON.
///
/// What others wrote is escaped in both forms, so that no URL can end a line or forge one. A line is one `write`: lines
/// of several threads do not mix.
public struct StandardErrorLogHandler: LogHandler {
    public enum Format: Sendable { case text, json }

    public var logLevel: Logger.Level
    public var metadata: Logger.Metadata = [:]
    private let format: Format

    public init(level: Logger.Level, format: Format) {
        logLevel = level
        self.format = format
    }

    public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    public func log(event: LogEvent) {
        let line = line(event, at: .now)
        _ = unsafe line.withUnsafeBytes { unsafe Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }

    /// The event as it is written, with its line feed.
    func line(_ event: LogEvent, at time: Timestamp) -> [UInt8] {
        var fields = event.metadata ?? [:]
        if !metadata.isEmpty { fields.merge(metadata) { event, _ in event } }
        let sorted = fields.map { ($0.key, Self.text($0.value)) }.sorted { $0.0 < $1.0 }
        let line =
            switch format {
            case .text: text(time, event.level, "\(event.message)", sorted)
            case .json: json(time, event.level, "\(event.message)", sorted)
            }
        return line + [0x0A]
    }

    private func text(
        _ time: Timestamp, _ level: Logger.Level, _ message: String, _ fields: [(String, String)]
    ) -> [UInt8] {
        var line: [UInt8] = []
        line.reserveCapacity(512)
        for (place, word) in [time.description, level.rawValue, message].enumerated() {
            if place > 0 { line.append(UInt8(ascii: " ")) }
            line.append(contentsOf: word.utf8)
        }
        for (key, value) in fields {
            line.append(UInt8(ascii: " "))
            line.append(contentsOf: key.utf8)
            line.append(UInt8(ascii: "="))
            let isPlain = !value.isEmpty && value.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != 0x22 && $0 != 0x5C }
            if isPlain { line.append(contentsOf: value.utf8) } else { line.append(contentsOf: Self.quoted(value)) }
        }
        return line
    }

    private func json(
        _ time: Timestamp, _ level: Logger.Level, _ message: String, _ fields: [(String, String)]
    ) -> [UInt8] {
        var text = JSONText()
        text.object { text in
            text.member("time", .string("\(time)"))
            text.member("level", .string(level.rawValue))
            text.member("message", .string(message))
            for (key, value) in fields {
                text.member(key, LogKeys.numbers.contains(key) ? Self.number(value) : .string(value))
            }
        }
        return text.bytes
    }

    private static func text(_ value: Logger.Metadata.Value) -> String {
        if case .string(let text) = value { text } else { "\(value)" }
    }

    /// In quotes and in ASCII: what is not could be a control of the terminal that the log is read on, or turn it round.
    private static func quoted(_ value: String) -> [UInt8] {
        var text = JSONText()
        text.value(.string(value))
        var quoted = ""
        for unit in text.string.utf16 {
            if (0x20..<0x7F).contains(unit) {
                quoted.unicodeScalars.append(Unicode.Scalar(UInt8(unit)))
            } else {
                let digits = String(unit, radix: 16)
                quoted += "\\u" + String(repeating: "0", count: 4 - digits.utf8.count) + digits
            }
        }
        return Array(quoted.utf8)
    }

    /// Sizes and times are numbers to those who read JSON.
    private static func number(_ value: String) -> JSONScalar {
        if let integer = Int64(value) { return .integer(integer) }
        return Double(value).map { .number($0) } ?? .string(value)
    }
}

/// A moment as RFC 3339 writes it, in UTC, to the millisecond.
public struct Timestamp: CustomStringConvertible {
    public let description: String

    static var now: Timestamp { Timestamp(unixMilliseconds: systemClock()) }

    /// From Unix milliseconds, not before 1970.
    public init(unixMilliseconds: Int64) {
        var seconds = time_t(max(0, unixMilliseconds) / 1000)
        var parts = unsafe tm()
        unsafe gmtime_r(&seconds, &parts)
        var text: [UInt8] = []
        func add(_ number: Int, digits: Int, then mark: Character) {
            DecimalText.append(Int64(number), digits: digits, to: &text)
            if let mark = mark.asciiValue { text.append(mark) }
        }
        unsafe add(Int(parts.tm_year) + 1900, digits: 4, then: "-")
        unsafe add(Int(parts.tm_mon) + 1, digits: 2, then: "-")
        unsafe add(Int(parts.tm_mday), digits: 2, then: "T")
        unsafe add(Int(parts.tm_hour), digits: 2, then: ":")
        unsafe add(Int(parts.tm_min), digits: 2, then: ":")
        unsafe add(Int(parts.tm_sec), digits: 2, then: ".")
        add(Int(max(0, unixMilliseconds) % 1000), digits: 3, then: "Z")
        description = String(decoding: text, as: UTF8.self)
    }
}

/// The wall clock, which a test may replace: Unix milliseconds.
public typealias WallClock = @Sendable () -> Int64

/// The system's wall clock.
public let systemClock: WallClock = {
    var time = timespec()
    unsafe clock_gettime(CLOCK_REALTIME, &time)
    return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
}
