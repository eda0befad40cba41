import Glibc
import Logging
import ProxyServer

/// What the process that was started first does once it has been taken over from: it keeps its number, the sockets and the
/// child that answers, takes the signals, and ends as that child ends.
enum Keeper {
    static func run(_ inheritance: Inheritance, _ child: pid_t) -> ExitStatus {
        _ = Executable.path
        Signals.hold()
        let succession = Succession(
            inheritance, child: Successor(process: child, link: inheritance.link),
            notifier: .supervisor,
            logger: ConfigurationLoading.logger(inheritance.log))
        return ExitStatus(rawValue: succession.waitForEnd()) ?? .failed
    }
}

extension ServiceNotifier {
    /// To whoever started this process, as its environment says.
    static var supervisor: ServiceNotifier {
        // sd_watchdog_enabled(3): it may be meant for another process.
        let isOurs = environment("WATCHDOG_PID").map { Int32($0) == getpid() } ?? true
        return ServiceNotifier(
            address: environment("NOTIFY_SOCKET"), watchdogInterval: isOurs ? environmentalWatchdog : nil)
    }

    /// To the keeper, who passes on what its supervisor waits for.
    static func keeper(at link: Int32) -> ServiceNotifier {
        ServiceNotifier(connected: link, watchdogInterval: environmentalWatchdog)
    }

    private static var environmentalWatchdog: Duration? {
        environment("WATCHDOG_USEC").flatMap { Int64($0) }.flatMap { $0 > 0 ? .microseconds($0) : nil }
    }
}
