internal import CFastCGI
import Glibc

/// Writes FCGI_STDOUT records straight from the caller's memory.
///
/// libfcgi would copy everything into its 8 KiB buffer and make one system call for each; it still parses the request,
/// and ends what we do not end ourselves. Its own stream stays empty, so the order on the wire is ours.
struct RecordWriter {
    let descriptor: Int32
    let requestIdentifier: UInt16
    let turnstile: Turnstile

    /// FastCGI 1.0, 3.3: a record holds up to 65,535 bytes; a multiple of eight keeps the rest aligned for the receiver.
    private static let longestPayload = 65_528
    private static let recordsPerWrite = 16
    /// Why a write ended early.
    enum Failure: Error, Equatable {
        case peerGone
        /// The web server took nothing for too long.
        case timedOut(Stump)
    }

    /// What the peer has of the record under way.
    enum Stump: Equatable {
        /// It lacks so many bytes, and others would have followed it.
        case inRecord(missing: Int)
        /// It is the last of a response whose length is known: filled up it would make an image of that length, though a
        /// wrong one.
        case inLastRecord
    }

    /// Writes `head` and then `body` as one stream, and the end of the response behind it if `isLast`, in as few system
    /// calls as the socket takes.
    func write(_ head: RawSpan, _ body: RawSpan, isLast: Bool) throws(Failure) {
        let failure = unsafe head.withUnsafeBytes { first in
            unsafe body.withUnsafeBytes { second in unsafe write(first, second, isLast) }
        }
        if let failure { throw failure }
    }

    private func write(
        _ head: UnsafeRawBufferPointer, _ body: UnsafeRawBufferPointer, _ isLast: Bool
    ) -> Failure? {
        let limit = Self.recordsPerWrite
        return unsafe withUnsafeTemporaryAllocation(of: RecordHeader.self, capacity: limit) { headers in
            unsafe withUnsafeTemporaryAllocation(of: iovec.self, capacity: limit * 3 + 1) { vectors in
                var end = ResponseEnd(of: requestIdentifier)
                return unsafe withUnsafeMutableBytes(of: &end) { end in
                    let total = head.count + body.count
                    var written = 0
                    repeat {
                        var used = 0
                        var records = 0
                        while written < total, records < limit {
                            let payload = min(total - written, Self.longestPayload)
                            unsafe headers[records] = RecordHeader(.stdout, payload, for: requestIdentifier)
                            unsafe vectors[used] = iovec(
                                iov_base: headers.baseAddress.map { unsafe UnsafeMutableRawPointer($0 + records) },
                                iov_len: MemoryLayout<RecordHeader>.size)
                            used += 1
                            unsafe append(head, from: written, count: payload, offset: 0, to: vectors, at: &used)
                            unsafe append(
                                body, from: written, count: payload, offset: head.count, to: vectors, at: &used)
                            written += payload
                            records += 1
                        }
                        if isLast, written == total {
                            unsafe vectors[used] = iovec(iov_base: end.baseAddress, iov_len: end.count)
                            used += 1
                        }
                        let isEnd = isLast && written == total
                        if let failure = unsafe send(UnsafeMutableBufferPointer(rebasing: vectors[..<used]), isEnd) {
                            return failure
                        }
                    } while written < total
                    return nil
                }
            }
        }
    }

    /// Adds the part of `source` (which stands at `offset` in the stream) that falls in the record's payload.
    private func append(
        _ source: UnsafeRawBufferPointer, from start: Int, count: Int, offset: Int,
        to vectors: UnsafeMutableBufferPointer<iovec>, at used: inout Int
    ) {
        let lower = max(start - offset, 0)
        let upper = min(start + count - offset, source.count)
        guard lower < upper, let base = source.baseAddress else { return }
        unsafe vectors[used] = iovec(
            iov_base: UnsafeMutableRawPointer(mutating: base + lower), iov_len: upper - lower)
        used += 1
    }

    /// `isEnd` says that these are the last bytes of the response.
    private func send(_ vectors: UnsafeMutableBufferPointer<iovec>, _ isEnd: Bool) -> Failure? {
        var first = 0
        var sent = 0
        while first < vectors.count {
            guard let base = vectors.baseAddress else { return nil }
            var message = unsafe msghdr()
            unsafe message.msg_iov = unsafe base + first
            unsafe message.msg_iovlen = vectors.count - first
            var taken = unsafe sendmsg(descriptor, &message, Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL))
            if taken < 0 {
                if errno == EINTR { continue }
                guard errno == EAGAIN else { return .peerGone }
                guard turnstile.waitForRoom(on: descriptor) else {
                    let left = unsafe vectors[first...].reduce(0) { unsafe $0 + Int($1.iov_len) }
                    let missing = Self.missing(after: sent, of: sent + left)
                    return .timedOut(isEnd && missing == left ? .inLastRecord : .inRecord(missing: missing))
                }
                continue
            }
            // A client that is slow is not stuck as long as it takes something now and then.
            WorkerPulse.current?.beat()
            sent += taken
            while first < vectors.count, unsafe taken >= vectors[first].iov_len {
                taken -= unsafe Int(vectors[first].iov_len)
                first += 1
            }
            if taken > 0 {
                unsafe vectors[first].iov_base += taken
                unsafe vectors[first].iov_len -= taken
            }
        }
        return nil
    }

    /// What the record lacks in which `sent` of the `total` bytes of a write end: each but the last has the same length.
    static func missing(after sent: Int, of total: Int) -> Int {
        let length = MemoryLayout<RecordHeader>.size + longestPayload
        let inRecord = sent % length
        return inRecord == 0 ? 0 : min(length, total - (sent - inRecord)) - inRecord
    }
}

/// The empty FCGI_STDOUT record that ends the stream, and FCGI_END_REQUEST with status 0, FCGI_REQUEST_COMPLETE (5.5).
private struct ResponseEnd {
    let streamEnd: RecordHeader
    let requestEnd: RecordHeader
    let applicationStatus: UInt32 = 0
    let protocolStatus: UInt32 = 0

    init(of requestIdentifier: UInt16) {
        streamEnd = RecordHeader(.stdout, 0, for: requestIdentifier)
        requestEnd = RecordHeader(.endRequest, 8, for: requestIdentifier)
    }
}
