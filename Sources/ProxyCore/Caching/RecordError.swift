/// Why a value in the cache is no record of ours: a closed set, for counters. Each of them is a miss.
public enum RecordError: String, Error, CaseIterable, Sendable {
    /// The value is not JSON, is cut, or is nested deeper than any record.
    case notJSON
    /// It is JSON, but no object.
    case notAnObject
    case missingField
    /// A field has a value of another type.
    case wrongType
    /// `size`, or a dimension, is not one that an image can have.
    case sizeOutOfRange
    /// The data is longer or shorter than `size` bytes are in base64.
    case sizeMismatch
    /// The content type could not stand in a header field.
    case invalidContentType
    /// A time is before 1970 or beyond what a `Date` in JavaScript can say.
    case timeOutOfRange
}
