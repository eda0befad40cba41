/// An answer of Redis (RESP2).
public enum RedisReply: Sendable, Hashable {
    /// A string of any bytes.
    case string([UInt8])
    /// A fixed word of the server, `OK` for the most part.
    case status(String)
    /// A number.
    case integer(Int64)
    /// Further answers.
    case array([RedisReply])
    /// Nothing is there.
    case null
    /// What Redis refused, in its words. `RedisConnection.command` throws it instead; a pipeline has it in its place.
    case error(String)
}
