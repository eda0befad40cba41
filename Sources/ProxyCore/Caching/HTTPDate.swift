/// The dates of header fields (RFC 9110, 5.6.7), as Unix seconds.
public enum HTTPDate {
    /// What has four digits for its year.
    static let range: ClosedRange<Int64> = -62_135_596_800...253_402_300_799

    private static let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
    private static let longDays = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"]
    private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

    /// Reads a date in any of the three formats; nil for every other text.
    ///
    /// Letters of either case are taken, as a cache should (RFC 9111, 4.2); the name of the day is not checked against
    /// the date. `now` says which century the two digits of an RFC 850 year mean; without a clock they mean 1971 to 2070.
    public static func parse(_ text: String, now: Int64 = 1_577_836_800) -> Int64? {
        let reader = DateReader(text)
        // A leap second at the end of 9999 would be in a year that cannot be written.
        return (fixed(reader) ?? rfc850(reader, now: now) ?? asctime(reader)).map { min($0, range.upperBound) }
    }

    /// The date as it is sent: `Sun, 06 Nov 1994 08:49:37 GMT`. Years end at 9999.
    public static func text(_ seconds: Int64) -> String {
        let seconds = min(max(seconds, range.lowerBound), range.upperBound)
        let time = modulo(seconds, 86400)
        let date = CivilDate(daysSince1970: (seconds - time) / 86400)
        // Many a hit sends a date: a row of bytes costs a quarter of what strings put together do.
        var text: [UInt8] = []
        text.reserveCapacity(29)
        func add(_ name: String, then mark: String) {
            text += name.utf8
            text += mark.utf8
        }
        func add(_ number: Int64, digits: Int, then mark: String) {
            DecimalText.append(number, digits: digits, to: &text)
            text += mark.utf8
        }
        add(days[Int(modulo(date.daysSince1970 + 4, 7))], then: ", ")
        add(date.day, digits: 2, then: " ")
        add(months[Int(date.month) - 1], then: " ")
        add(date.year, digits: 4, then: " ")
        add(time / 3600, digits: 2, then: ":")
        add(time / 60 % 60, digits: 2, then: ":")
        add(time % 60, digits: 2, then: " GMT")
        return String(decoding: text, as: UTF8.self)
    }

    /// `Sun, 06 Nov 1994 08:49:37 GMT`
    private static func fixed(_ reader: DateReader) -> Int64? {
        var reader = reader
        guard reader.name(of: days) != nil, reader.skip(", "), let day = reader.number(2), reader.skip(" "),
            let month = reader.name(of: months), reader.skip(" "), let year = reader.number(4), reader.skip(" "),
            let time = reader.time(), reader.skip(" GMT"), reader.isAtEnd
        else { return nil }
        return CivilDate(year: year, month: month + 1, day: day).map { $0.daysSince1970 * 86400 + time }
    }

    /// `Sunday, 06-Nov-94 08:49:37 GMT`
    private static func rfc850(_ reader: DateReader, now: Int64) -> Int64? {
        var reader = reader
        guard reader.name(of: longDays) != nil, reader.skip(", "), let day = reader.number(2), reader.skip("-"),
            let month = reader.name(of: months), reader.skip("-"), let digits = reader.number(2), reader.skip(" "),
            let time = reader.time(), reader.skip(" GMT"), reader.isAtEnd
        else { return nil }
        // The last year with these digits that is not more than 50 years ahead (RFC 9110, 5.6.7).
        let today = min(max(now, range.lowerBound), range.upperBound) / 86400
        let last = CivilDate(daysSince1970: today).year + 50
        let year = last - modulo(last - digits, 100)
        return CivilDate(year: year, month: month + 1, day: day).map { $0.daysSince1970 * 86400 + time }
    }

    /// `Sun Nov  6 08:49:37 1994`
    private static func asctime(_ reader: DateReader) -> Int64? {
        var reader = reader
        guard reader.name(of: days) != nil, reader.skip(" "), let month = reader.name(of: months), reader.skip(" "),
            let day = reader.skip(" ") ? reader.number(1) : reader.number(2), reader.skip(" "),
            let time = reader.time(), reader.skip(" "), let year = reader.number(4), reader.isAtEnd
        else { return nil }
        return CivilDate(year: year, month: month + 1, day: day).map { $0.daysSince1970 * 86400 + time }
    }

    private static func modulo(_ number: Int64, _ divisor: Int64) -> Int64 {
        let rest = number % divisor
        return rest < 0 ? rest + divisor : rest
    }
}

/// Takes a date apart from the left.
private struct DateReader {
    private var rest: ArraySlice<UInt8>

    init(_ text: String) { rest = text.utf8.prefix(40).map(URIText.lowercased)[...] }

    var isAtEnd: Bool { rest.isEmpty }

    mutating func skip(_ literal: String) -> Bool {
        let literal = literal.utf8.map(URIText.lowercased)
        guard rest.starts(with: literal) else { return false }
        rest = rest.dropFirst(literal.count)
        return true
    }

    /// The place in `names` of the name that comes next.
    mutating func name(of names: [String]) -> Int64? {
        for (index, name) in names.enumerated() where skip(name) { return Int64(index) }
        return nil
    }

    mutating func number(_ digits: Int) -> Int64? {
        let text = rest.prefix(digits)
        guard text.count == digits, text.allSatisfy(URIText.isDigit) else { return nil }
        rest = rest.dropFirst(digits)
        return text.reduce(0) { $0 * 10 + Int64($1 - UInt8(ascii: "0")) }
    }

    /// The seconds of `08:49:37`. The 60th is a leap second, which Unix time gives to the next minute.
    mutating func time() -> Int64? {
        guard let hour = number(2), hour < 24, skip(":"), let minute = number(2), minute < 60, skip(":"),
            let second = number(2), second <= 60
        else { return nil }
        return hour * 3600 + minute * 60 + second
    }
}

/// A day of the Gregorian calendar, from the year 1 to the year 9999.
private struct CivilDate {
    let year, month, day: Int64
    let daysSince1970: Int64

    /// Nil for a day that no calendar has.
    init?(year: Int64, month: Int64, day: Int64) {
        guard 1...9999 ~= year, 1...12 ~= month, day >= 1,
            day <= Self.daysBefore(year, month + 1) - Self.daysBefore(year, month)
        else { return nil }
        self.year = year
        self.month = month
        self.day = day
        daysSince1970 = Self.daysBefore(year, month) + day - 1
    }

    init(daysSince1970 days: Int64) {
        // The mean year is off by a year at most.
        var year = 1970 + days * 400 / 146097
        while Self.daysBefore(year, 1) > days { year -= 1 }
        while Self.daysBefore(year + 1, 1) <= days { year += 1 }
        var month: Int64 = 1
        while Self.daysBefore(year, month + 1) <= days { month += 1 }
        self.year = year
        self.month = month
        day = days - Self.daysBefore(year, month) + 1
        daysSince1970 = days
    }

    /// The days from 1970 to the first of a month; the 13th month is the next January.
    private static func daysBefore(_ year: Int64, _ month: Int64) -> Int64 {
        let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        let past = year - 1
        let years = past * 365 + past / 4 - past / 100 + past / 400
        return years - 719_162 + daysBeforeMonth[Int(month) - 1] + (isLeap && month > 2 ? 1 : 0)
    }

    /// In a year that is no leap year.
    private static let daysBeforeMonth: [Int64] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365]
}
