internal import Redis
import ProxyCore

extension RedisOperator {
    func inspect(_ urlText: String) throws(CacheFailure) -> CacheInspection {
        var inspection = CacheInspection(
            urlText: urlText, imageKey: tier.key(for: urlText),
            metadataKey: configuration.cache.metadataKey.key(for: urlText), time: systemClock())
        try lookAtValues(&inspection)
        if inspection.image != nil { try judge(&inspection) }
        inspection.fitsIntoMemory = configuration.fitsIntoMemory(inspection.record)
        return inspection
    }

    private func lookAtValues(_ inspection: inout CacheInspection) throws(CacheFailure) {
        let image = RedisArgument(inspection.imageKey.bytes)
        let metadata = RedisArgument(inspection.metadataKey.bytes)
        let lease = RedisArgument(inspection.imageKey.companion(CacheKey.leaseName))
        let replies = try ask(
            RedisTier.tailCommands(image) + [
                ["PTTL", image], ["GETRANGE", metadata, "0", RedisArgument(Self.metadataLength)],
                ["STRLEN", metadata], ["PTTL", metadata], ["GET", lease], ["PTTL", lease],
            ])
        guard replies.count == 8 else { throw CacheFailure(reason: "Redis left a question unanswered") }
        inspection.image = Self.value(length: replies[1], expiry: replies[2])
        inspection.metadataValue = Self.value(length: replies[4], expiry: replies[5])
        inspection.metadata = replies[3].string.flatMap { try? ImageMetadata.parse($0.span) }
        inspection.lease = replies[6].string.map {
            CacheInspection.Lease(verdict: RedisTier.verdict(in: $0), expiresIn: Self.expiry(replies[7]))
        }
        if let located = RedisTier.tail(replies[...]).flatMap({
            ImageRecord.parse(tail: $0.bytes.span, length: $0.length)
        }) {
            inspection.record = located.record
            inspection.format = located.content.format
        }
    }

    private func judge(_ inspection: inout CacheInspection) throws(CacheFailure) {
        switch try soundness(of: inspection.imageKey, isRaw: inspection.format == .raw) {
        case .sound(let record): inspection.record = record
        case .damaged(let reason), .unclear(let reason): inspection.damage = reason
        case .absent: inspection.image = nil
        }
    }

    /// PTTL is -1 for what does not expire and -2 for what is not there.
    private static func value(length: RedisReply, expiry: RedisReply) -> CacheInspection.StoredValue? {
        guard expiry.integer != -2 else { return nil }
        return CacheInspection.StoredValue(
            bytes: length.integer.map { Int(clamping: $0) } ?? 0, expiresIn: self.expiry(expiry))
    }

    private static func expiry(_ reply: RedisReply) -> Int64? { reply.integer.flatMap { $0 >= 0 ? $0 : nil } }
}

// MARK: - Soundness

/// What a value turns out to be when all of it is read.
enum Soundness {
    case sound(ImageRecord)
    case damaged(String)
    /// It was replaced meanwhile, or is longer than we read.
    case unclear(String)
    case absent
}

extension RedisOperator {
    /// Reads a record as a hit would be read; a large one is never held.
    func soundness(of key: CacheKey, isRaw: Bool) throws(CacheFailure) -> Soundness {
        do {
            guard let image = try tier.reading(key).open() else { return .absent }
            // A text was read through before it was opened. Raw bytes show what they are at their end.
            guard isRaw, try !image.forEachPiece({ (_) throws(ProxyError) in }) else { return .sound(image.record) }
            return .damaged(RecordError.sizeMismatch.rawValue)
        } catch let failure as RecordReading.Failure {
            switch failure {
            case .damaged(let reason): return reason == RecordReading.replaced ? .unclear(reason) : .damaged(reason)
            case .redis(let error) where error.reach == .value:
                if case .refused = error { return .damaged("not-a-string") }
                return .unclear("\(error)")
            case .redis(let error): throw CacheFailure(reason: "\(error)")
            }
        } catch {
            return .unclear("\(error)")
        }
    }
}

extension ImageRecord.Content {
    var format: ImageRecord.Format { if case .bytes = self { .raw } else { .json } }
}
