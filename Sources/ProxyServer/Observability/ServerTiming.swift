/// The Server-Timing field (W3C Server Timing): where the time of a response went before its head, in milliseconds.
///
/// `transfer` is there when the body has come by then; of one that streams it shows in the log.
enum ServerTiming {
    static func fieldValue(_ record: AccessRecord) -> String {
        let fetch = record.fetch
        let phases: [(name: String, duration: Duration?)] = [
            ("queue", record.queueTime), ("cache", record.cacheTime), ("dns", fetch?.nameLookup),
            ("connect", fetch?.connect), ("tls", fetch?.tls), ("ttfb", fetch?.firstByte),
            ("transfer", record.fetchTime), ("total", .now - record.start),
        ]
        return phases.compactMap { phase in
            phase.duration.map { "\(phase.name);dur=\($0.millisecondsText)" }
        }.joined(separator: ", ")
    }
}
