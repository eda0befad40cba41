internal import Redis
import FastCGI
import ProxyCore

/// Leases on fetches. Each is a key in the slot of its image that expires with the lease: it holds the token of who
/// fetches, or a verdict, which begins with `=` and so is no token.
///
/// Nothing here throws: without Redis everyone fetches for himself.
extension RedisTier {
    private static let verdictMark = "="

    func claimFetch(of urlText: String, as token: FetchToken, for time: Duration) -> FetchClaim {
        let (lease, image) = (leaseKey(urlText), RedisArgument(key(for: urlText).bytes))
        let (token, time) = (RedisArgument(token.text), RedisArgument(milliseconds: time))
        let commands: [[RedisArgument]] = [
            ["SET", lease, token, "NX", "PX", time], ["GET", lease], ["EXISTS", image],
        ]
        for _ in 0..<Self.mostClaims {
            let replies = try? turnstile.waitingBriefly { () throws(CacheFailure) in
                try write { (connection) throws(RedisError) in
                    let replies = try connection.pipeline(commands)
                    for case .error(let message) in replies { throw RedisError(refusal: message) }
                    return replies
                }
            }
            guard let replies, replies.count == commands.count else { return .unavailable }
            let granted = FetchClaim.granted(isCached: replies[2] == .integer(1))
            switch (replies[0], replies[1]) {
            case (.status("OK"), _): return granted
            case (.null, .string(let holder)): return holder == token.bytes ? granted : Self.claim(heldBy: holder)
            // The lease has ended between the two.
            case (.null, .null): continue
            default: return .unavailable
            }
        }
        return .unavailable
    }

    /// How often a lease is asked for that nobody has and nobody gets: once is chance, more is a Redis that will not say.
    private static let mostClaims = 3

    /// Only one who could be waited for is waited for: the token of a fetch, or a verdict.
    private static func claim(heldBy holder: [UInt8]) -> FetchClaim {
        if FetchToken.isToken(holder) { return .taken }
        return verdict(in: holder).map { .left($0) } ?? .unavailable
    }

    /// What the value of a lease says to those who ask; nil when it is the token of who fetches.
    static func verdict(in value: [UInt8]) -> String? {
        let text = String(decoding: value, as: UTF8.self)
        return text.hasPrefix(verdictMark) ? String(text.dropFirst(verdictMark.count)) : nil
    }

    func verdict(on urlText: String) -> String? {
        let reply = try? turnstile.waitingBriefly { () throws(CacheFailure) in
            try read { (connection) throws(RedisError) in try connection.command(["GET", leaseKey(urlText)]) }
        }
        guard case .string(let value) = reply else { return nil }
        return Self.verdict(in: value)
    }

    func renewFetch(of urlText: String, as token: FetchToken, for time: Duration) -> Bool {
        let script = RedisScript.extend(lease: leaseKey(urlText), token: RedisArgument(token.text), for: time)
        return (try? run(script)) == .integer(1)
    }

    func endFetch(of urlText: String, as token: FetchToken, leaving verdict: String?, for time: Duration) {
        let verdict = verdict.map { RedisArgument(Self.verdictMark + $0) }
        let script = RedisScript.end(
            lease: leaseKey(urlText), token: RedisArgument(token.text), leaving: verdict, for: time)
        _ = try? run(script)
    }

    private func leaseKey(_ urlText: String) -> RedisArgument {
        RedisArgument(key(for: urlText).companion(CacheKey.leaseName))
    }
}
