import ProxyCore

/// The clients that follow a fetch, served in turn by its thread with what is kept of the image.
///
/// None is waited for: each gets what it takes at once, and the rest when the image is whole.
final class Audience {
    private var recipients: [Recipient] = []
    private let conclusion: Conclusion

    init(_ conclusion: Conclusion) { self.conclusion = conclusion }

    var isEmpty: Bool { recipients.isEmpty }

    func add(_ recipient: Recipient) { recipients.append(recipient) }

    /// Gives everybody what there is.
    func push(_ kept: TeeBuffer) {
        recipients.removeAll { recipient in
            do throws(ProxyError) {
                try recipient.flush(waits: false)
                try recipient.catchUp(with: kept, waits: false)
            } catch {
                conclusion.end(recipient.exchange, .failure(error))
                return true
            }
            guard recipient.isServed else { return false }
            conclusion.end(recipient.exchange, .success(()))
            return true
        }
    }

    /// Those who have not got everything yet; they are the caller's from now on.
    func takeAll() -> [Recipient] {
        defer { recipients = [] }
        return recipients
    }
}
