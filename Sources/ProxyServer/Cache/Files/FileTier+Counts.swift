internal import Files
import Glibc
import ProxyCore

/// What hosts have counted, in a file for each: a name and a number a line. Nearly always there is one host; a folder that
/// several share has several.
extension FileTier {
    /// How long a host is remembered that is not heard of any more, in nanoseconds.
    private static let memory = 7 * 24 * 60 * 60 * 1_000_000_000
    private static let mostHosts = 64
    /// Of the counts of one host, in bytes: some twenty times as much as there are.
    private static let longest = 256 << 10
    private static let lockName = ".lock"

    func publish(_ counts: MetricsReading, of host: String) throws(CacheFailure) {
        try write { () throws(FileError) in
            let lock = try folder.open(Self.lockName, in: folder.counts)
            try lock.lock(.exclusive)
            defer { withExtendedLifetime(lock) {} }
            let path = "\(folder.counts)/\(Self.fileName(of: host))"
            var sums = Self.read(path)
            for (name, count) in counts.counts { sums.add(count, to: name) }
            // In the place of the old ones at once: who is killed meanwhile leaves those.
            try folder.replace(path, with: sums.lines)
        }
        if Int.random(in: 0..<Self.sweepShare) == 0 { sweep() }
    }

    /// A process that answers one request has nobody else who would do it: one in so many.
    private static let sweepShare = 128

    func hostCounts() throws(CacheFailure) -> [(host: String, counts: MetricsReading)] {
        guard let names = try? Files.names(in: folder.counts) else { return [] }
        var hosts: [(host: String, counts: MetricsReading, time: Int)] = []
        for name in names where name != Self.lockName {
            let path = "\(folder.counts)/\(name)"
            guard let time = try? Files.status(of: path).lastChange, !isFar(time, by: Self.memory) else {
                try? Files.remove(path)
                continue
            }
            hosts.append((name, Self.read(path), time))
        }
        return hosts.sorted { $0.time > $1.time }.prefix(Self.mostHosts).map { ($0.host, $0.counts) }
    }

    private static func read(_ path: String) -> MetricsReading {
        guard let file = try? OpenFile(path, .reading), let bytes = try? file.readAll(upTo: longest) else {
            return MetricsReading()
        }
        return MetricsReading(bytes)
    }

    /// A host may call itself anything.
    private static func fileName(of host: String) -> String {
        let name = host.map { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-" || $0 == ".") ? $0 : "_" }
        return String(name.first == "." ? ["_"] + name.dropFirst() : name[...])
    }
}
