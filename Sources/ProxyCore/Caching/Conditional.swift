/// The conditions of a client's request (RFC 9110, 13).
public enum Conditional {
    /// The longest If-None-Match that is read. A longer one matches nothing: the client gets the representation again.
    public static let maximumLength = 4096

    /// Whether a GET or HEAD is answered with 304: the client's copy is this representation. A field is nil when the
    /// request does not have it.
    public static func isNotModified(
        ifNoneMatch: String?, ifModifiedSince: String?, _ validators: Validators
    ) -> Bool {
        // RFC 9110, 13.2.2: If-Modified-Since counts for nothing beside If-None-Match.
        if let ifNoneMatch { return matches(ifNoneMatch, validators.etag) }
        guard let ifModifiedSince, let lastModified = validators.lastModified,
            // 13.1.3; the two digits of an old year are meant near the date that they are compared with.
            let date = HTTPDate.parse(ifModifiedSince, now: lastModified)
        else { return false }
        return lastModified <= date
    }

    /// RFC 9110, 13.1.2. A representation exists when this is asked, so `*` matches.
    private static func matches(_ ifNoneMatch: String, _ etag: EntityTag?) -> Bool {
        guard ifNoneMatch.utf8.count <= maximumLength else { return false }
        if FieldText.trimmed(Array(ifNoneMatch.utf8)[...]).elementsEqual("*".utf8) { return true }
        guard let etag else { return false }
        return FieldMembers(ifNoneMatch, .entityTag).contains { EntityTag($0)?.matchesWeakly(etag) == true }
    }
}
