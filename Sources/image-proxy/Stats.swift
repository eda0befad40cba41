import ProxyCore
import ProxyServer

/// Says what is in the cache now, and what the hosts that use it have counted.
enum Stats {
    static let command = Command(
        name: "stats", synopsis: "[--json]",
        summary: "Say what is in the cache now, entry by entry, and what the hosts that use it have counted.",
        flags: [("--json", "as JSON, with the names that P/stats uses")], run: { run($0) })

    private static func run(_ arguments: Arguments) -> ExitStatus {
        guard arguments.operands.isEmpty else { return Command.misused("stats takes no words", command: command) }
        guard let configuration = ConfigurationLoading.load(file: arguments.value("--config")) else {
            return .configuration
        }
        // Where there is no cache, there is nothing in it.
        guard configuration.cache.store != .off else { return show(CacheStatistics(), nil, [], arguments) }
        return CacheCommand.runLong(arguments) { (cache, supervision, progress) throws(CacheFailure) in
            guard let statistics = try cache.statistics(supervision) else { return false }
            progress.end()
            _ = show(statistics.cache, statistics.folder, statistics.hosts, arguments)
            return true
        }
    }

    private static func show(
        _ cache: CacheStatistics, _ folder: CacheFolder?, _ hosts: [HostCounts], _ arguments: Arguments
    ) -> ExitStatus {
        printOutput(arguments.has("--json") ? json(cache, folder, hosts) : text(cache, folder, hosts))
        return .done
    }
}

// MARK: - Text

extension Stats {
    private static func text(_ cache: CacheStatistics, _ folder: CacheFolder?, _ hosts: [HostCounts]) -> String {
        var rows = [
            (name: "images", value: "\(cache.totalImages)"), ("bytes", "\(cache.totalSize)"),
            ("oldest", cache.oldestCache.map { "\(Timestamp(unixMilliseconds: $0))" } ?? "-"),
            ("newest", cache.newestCache.map { "\(Timestamp(unixMilliseconds: $0))" } ?? "-"),
        ]
        rows += cache.types.sorted { $0.key < $1.key }.map { ("  \($0.key)", "\($0.value)") }
        rows += cache.sizeClasses.filter { $0.share.images > 0 }.map { sizes in
            ("  \(sizes.upTo.map { "up to \(ByteCount($0))" } ?? "larger")", "\(sizes.share)")
        }
        if let folder { rows += self.rows(folder) }
        rows += hosts.flatMap { host in [("host", host.name)] + self.rows(host) }
        return table(rows)
    }

    private static func rows(_ folder: CacheFolder) -> [(name: String, value: String)] {
        let share = folder.usedBytes * 100 / max(1, folder.maximumBytes)
        var rows = [
            (
                name: "folder",
                value: folder.problem.map { "nothing can be written to it: \($0)" } ?? "can be written to"
            ),
            ("  files", "\(folder.files)"),
            ("  bytes on the disk", "\(folder.usedBytes) of \(ByteCount(folder.maximumBytes)), which is \(share) %"),
        ]
        if let free = folder.freeBytes { rows.append(("  bytes left there", "\(free)")) }
        return rows
    }

    private static func rows(_ host: HostCounts) -> [(name: String, value: String)] {
        // To a tenth of a percent, rounded down: 100.0 is all of them.
        let rate = host.hitRate.map { Int($0 * 1000) }.map { ", which is \($0 / 10).\($0 % 10) %" } ?? ""
        return [
            ("  requests", "\(host["requests"])"), ("  hits", "\(host["hits"])\(rate)"),
            ("  misses", "\(host["misses"])"),
            ("  stale", "\(host["stale"])"), ("  errors", "\(host["errors"])"),
            ("  bytes served", "\(host["bytesServed"]), \(host["bytesSaved"]) of them from the cache"),
        ] + (host["folderEvictions"] > 0 ? [("  given up for room", "\(host["folderEvictions"]) images")] : [])
    }
}

// MARK: - JSON

extension Stats {
    private static func json(_ cache: CacheStatistics, _ folder: CacheFolder?, _ hosts: [HostCounts]) -> String {
        var text = JSONText()
        text.object { text in
            cache.write(to: &text)
            text.name("folder")
            if let folder { folder.write(to: &text) } else { text.value(.null) }
            text.name("hosts")
            text.array { text in
                for host in hosts {
                    text.object { text in
                        text.member("name", .string(host.name))
                        for (name, count) in host.counts { text.member(name, .integer(Int64(count))) }
                        text.member("hitRate", host.hitRate.map { .number($0) } ?? .null)
                    }
                }
            }
        }
        return text.string + "\n"
    }
}
