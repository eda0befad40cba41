internal import CHiredis

/// hiredis' reply parser with bounds on what a peer can make it allocate, and its replies as Swift values.
///
/// `@safe`: it owns the reader, which nobody else sees, from `init` to `deinit`; no pointer outlives the call it is got
/// in. It serves one thread at a time, as its connection does.
@safe final class ReplyParser {
    private let reader: UnsafeMutablePointer<redisReader>
    private let budget: UnsafeMutablePointer<Int>

    /// nil when there is no memory.
    init?() {
        guard let reader = unsafe redisReaderCreateWithFunctions(ReplyFunctions.table) else { return nil }
        unsafe self.reader = reader
        unsafe budget = .allocate(capacity: 1)
        unsafe budget.initialize(to: 0)
        unsafe reader.pointee.privdata = UnsafeMutableRawPointer(budget)
    }

    deinit {
        unsafe redisReaderFree(reader)
        unsafe budget.deallocate()
    }

    /// How many elements the arrays of the replies to come may announce in all. A number costs a peer four bytes and us
    /// a hundred, so that bytes alone would not bound the memory.
    func allow(elements: Int) { unsafe budget.pointee = elements }

    /// Whether bytes are left that belong to no reply taken so far: the peer said more than it was asked.
    var hasLeftover: Bool { unsafe reader.pointee.pos < reader.pointee.len }

    /// Adds what has arrived.
    func feed(_ bytes: UnsafeRawBufferPointer) throws(RedisError) {
        let text = unsafe bytes.baseAddress?.assumingMemoryBound(to: CChar.self)
        guard unsafe redisReaderFeed(reader, text, bytes.count) == REDIS_OK else { throw failure }
    }

    /// The next whole reply; nil when more bytes are needed. After an error the parser is of no further use.
    func next() throws(RedisError) -> RedisReply? {
        var reply: UnsafeMutableRawPointer?
        guard unsafe redisReaderGetReply(reader, &reply) == REDIS_OK else { throw failure }
        guard let reply = unsafe reply else { return nil }
        defer { unsafe freeReplyObject(reply) }
        return try unsafe RedisReply(reply.assumingMemoryBound(to: redisReply.self), depth: 0)
    }

    /// hiredis has one code for "no memory" and for an array that `ReplyFunctions` declined.
    private var failure: RedisError { unsafe reader.pointee.err == REDIS_ERR_OOM ? .tooLarge : .protocolViolation }
}

extension RedisReply {
    /// hiredis itself refuses to go deeper; this bound does not depend on its version.
    private static let depthLimit = 8

    /// `type` says which of the other fields mean anything, so it is read first.
    fileprivate init(_ reply: UnsafePointer<redisReply>, depth: Int) throws(RedisError) {
        guard depth <= Self.depthLimit else { throw .protocolViolation }
        switch unsafe reply.pointee.type {
        case REDIS_REPLY_STRING: self = unsafe .string(Array(Self.bytes(of: reply)))
        case REDIS_REPLY_STATUS: self = unsafe .status(String(decoding: Self.bytes(of: reply), as: UTF8.self))
        case REDIS_REPLY_ERROR: self = unsafe .error(String(decoding: Self.bytes(of: reply), as: UTF8.self))
        case REDIS_REPLY_INTEGER: self = unsafe .integer(reply.pointee.integer)
        case REDIS_REPLY_NIL: self = .null
        case REDIS_REPLY_ARRAY: self = try unsafe .array(Self.elements(of: reply, depth: depth))
        default: throw .protocolViolation
        }
    }

    private static func bytes(of reply: UnsafePointer<redisReply>) -> UnsafeRawBufferPointer {
        unsafe UnsafeRawBufferPointer(start: reply.pointee.str, count: reply.pointee.str == nil ? 0 : reply.pointee.len)
    }

    private static func elements(
        of reply: UnsafePointer<redisReply>, depth: Int
    ) throws(RedisError) -> [RedisReply] {
        let vector = unsafe UnsafeBufferPointer(start: reply.pointee.element, count: reply.pointee.elements)
        var elements: [RedisReply] = []
        for index in vector.indices {
            guard let element = unsafe vector[index] else { throw .protocolViolation }
            try unsafe elements.append(RedisReply(element, depth: depth + 1))
        }
        return elements
    }
}

/// hiredis' own functions, but for arrays: it would allocate as many elements as the peer announces, up to 2^31, before
/// it has seen the first, and would visit them all when it frees the reply.
private enum ReplyFunctions {
    typealias CreateArray = @convention(c) (UnsafePointer<redisReadTask>?, Int32) -> UnsafeMutableRawPointer?

    /// Made once and never changed or freed, since readers point to it.
    nonisolated(unsafe) static let table: UnsafeMutablePointer<redisReplyObjectFunctions> = {
        let table = UnsafeMutablePointer<redisReplyObjectFunctions>.allocate(capacity: 1)
        unsafe table.initialize(to: original)
        unsafe table.pointee.createArray = { task, count in unsafe ReplyFunctions.createArray(task, count) }
        return unsafe table
    }()

    /// Read off a reader, since hiredis does not export them.
    private static let original: redisReplyObjectFunctions = {
        guard let reader = unsafe redisReaderCreate() else { preconditionFailure("no memory for a Redis reply") }
        defer { unsafe redisReaderFree(reader) }
        return unsafe reader.pointee.fn.pointee
    }()

    /// nil makes hiredis give up the reply.
    private static func createArray(_ task: UnsafePointer<redisReadTask>?, _ count: Int32) -> UnsafeMutableRawPointer? {
        guard let budget = unsafe task?.pointee.privdata?.assumingMemoryBound(to: Int.self) else { return nil }
        guard count >= 0, unsafe count <= budget.pointee else { return nil }
        unsafe budget.pointee -= Int(count)
        return unsafe original.createArray(task, count)
    }
}
