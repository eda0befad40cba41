import ProxyCore
import Synchronization

/// A request and the response to it, from the first parameter to the line in the log. One thread at a time.
final class Exchange {
    let request: any GatewayRequest
    let writer: ResponseWriter
    var record: AccessRecord
    /// Whether it has found a damaged record: one that is looked at again before it is replaced is still one.
    var hasMetDamage = false

    init(_ request: any GatewayRequest) {
        self.request = request
        let method = request.param("REQUEST_METHOD") ?? "GET"
        writer = ResponseWriter(for: request, isHead: method == "HEAD")
        record = AccessRecord(requestID: RequestIdentifier.next(), method: method)
    }
}

/// A name for a request in the log: 64 bits in hexadecimal, that no two requests of a process share and that look random.
enum RequestIdentifier {
    /// Random from the start, so that processes do not repeat each other.
    private static let last = Atomic<UInt64>(.random(in: .min ... .max))

    static func next() -> String {
        // A walk through all numbers, and a mixing that gives each its own (Steele et al., SplitMix, OOPSLA 2014).
        var bits = last.wrappingAdd(0x9E37_79B9_7F4A_7C15, ordering: .relaxed).newValue
        bits = (bits ^ bits >> 30) &* 0xBF58_476D_1CE4_E5B9
        bits = (bits ^ bits >> 27) &* 0x94D0_49BB_1331_11EB
        return hexadecimal(bits ^ bits >> 31)
    }

    /// All sixteen digits, in place: every request has one made.
    private static func hexadecimal(_ bits: UInt64) -> String {
        unsafe String(unsafeUninitializedCapacity: 16) { digits in
            for place in 0..<16 {
                let digit = UInt8(truncatingIfNeeded: bits >> UInt64(60 - 4 * place) & 0xF)
                unsafe digits[place] = digit + (digit < 10 ? UInt8(ascii: "0") : UInt8(ascii: "a") - 10)
            }
            return 16
        }
    }
}
