/// Numbers as dates have them.
public enum DecimalText {
    /// Appends `number`, which is not negative, with zeros before it up to `digits`.
    public static func append(_ number: Int64, digits: Int, to text: inout [UInt8]) {
        if digits > 1 || number >= 10 { append(number / 10, digits: digits - 1, to: &text) }
        text.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: number % 10))
    }
}
