internal import Dispatch
import Glibc
import Logging
import ProxyServer

/// Who answers requests: this process at first, and from the first reload on a child of its own, and then the next.
///
/// A reload starts a new process, with the configuration as it is now. Only when that says that it is ready is the one
/// before told to take no new requests, so there is always somebody who does; one that does not come up leaves
/// everything as it was. The sockets are the same ones for all: what waits in their queues waits for whoever is next.
///
/// `@unchecked Sendable`: everything happens on `queue`, except what is said of `waitForEnd`.
final class Succession: @unchecked Sendable {
    private let queue = DispatchQueue(label: "image-proxy.succession")
    private let notifier: ServiceNotifier
    private let logger: Logger
    /// What a new process is to inherit; without its own link.
    private var estate: Inheritance
    private let actions: Actions

    /// The child that answers; nil as long as this process does.
    private var current: Successor?
    private var candidate: Successor?
    /// Those that end what they have under way.
    private var retired: [Successor] = []
    private var isStopping = false
    private var isReloadWanted = false
    private var ownWorkHasEnded: Bool
    private var signals: Signals?
    private let ended = DispatchSemaphore(value: 0)
    private var status: Int32 = 0

    /// So that reloads one after another do not fill the machine with processes.
    private static let mostRetired = 4
    /// How long a new process may take to be ready. It only reads its configuration, opens libraries and starts threads.
    private static let patience = DispatchTimeInterval.seconds(60)

    /// What happens to the requests of this process itself. Called on the queue.
    struct Actions {
        /// No new requests; others take them.
        var yield: @Sendable () -> Void = {}
        /// No new requests, for good.
        var stop: @Sendable () -> Void = {}
    }

    /// With a `child`, that answers and this process does nothing else than to keep it.
    init(
        _ estate: Inheritance, child: Successor?, notifier: ServiceNotifier, logger: Logger,
        _ actions: Actions = Actions()
    ) {
        self.estate = estate
        self.notifier = notifier
        self.logger = logger
        self.actions = actions
        current = child
        ownWorkHasEnded = child != nil
        queue.async { [self] in
            if let child { listen(to: child) }
            listenToSignals()
        }
    }

    private func listenToSignals() {
        signals = Signals(on: queue) { [self] in $0 == .reload ? reload() : stop() }
    }

    /// Keeps the child until it has ended; returns its exit status. Blocks, for one caller.
    func waitForEnd() -> Int32 {
        ended.wait()
        return queue.sync { status }
    }

    /// The requests of this process itself have ended. If a child answers instead, what is to be inherited by the keeper
    /// that this process is to become; nil when all is over, or will be when that child ends.
    func endOwnWork() -> Inheritance? {
        // What comes from now on is the keeper's: it waits while this process executes itself.
        let released = queue.sync { current == nil || isStopping ? nil : signals }
        released?.release()
        return queue.sync {
            ownWorkHasEnded = true
            guard let current, !isStopping else {
                if released != nil { listenToSignals() }
                endIfNothingIsLeft()
                return nil
            }
            current.suspend()
            if isReloadWanted { kill(getpid(), SIGHUP) }
            var keeper = estate
            keeper.role = .keeper(child: current.process)
            keeper.link = current.link
            return keeper
        }
    }

    /// It did not become the keeper, and has to do as one.
    func goOn() {
        queue.sync {
            listenToSignals()
            current?.resume()
        }
    }

    /// Whether there is a child to be waited for.
    var hasChild: Bool { queue.sync { current != nil || status != 0 } }
}

// MARK: - Signals

extension Succession {
    private func reload() {
        guard !isStopping else { return }
        let isBusy = candidate != nil || (current != nil && !ownWorkHasEnded) || retired.count >= Self.mostRetired
        isReloadWanted = isBusy
        guard !isBusy else { return logger.notice("Reload waits for the one before") }
        notifier.send(.reloading(at: monotonicMicroseconds()))
        logger.notice("Reloading")
        guard let successor = Successor(like: estate) else {
            return refuse(reason: "it cannot be started: \(lastError())")
        }
        candidate = successor
        listen(to: successor)
        queue.asyncAfter(deadline: .now() + Self.patience) { [self] in
            if candidate === successor { successor.kill() }
        }
    }

    private func stop() {
        guard !isStopping else {
            for child in children { child.kill() }
            _exit(ExitStatus.done.rawValue)
        }
        isStopping = true
        notifier.send(.stopping("Ending what is under way"))
        // The last to close them refuses whoever comes.
        for descriptor in estate.descriptors { close(descriptor) }
        for child in children { child.send(Link.stop) }
        actions.stop()
        endIfNothingIsLeft()
    }

    private var children: [Successor] { [candidate, current].compactMap { $0 } + retired }
}

// MARK: - Children

extension Succession {
    private func listen(to child: Successor) {
        child.listen(on: queue) { [self, unowned child] message in
            guard let message else { return end(child) }
            if message.has("READY=1"), candidate === child { promote(child) }
            if message.has("WATCHDOG=1"), current === child { notifier.send(.watchdog) }
        }
    }

    private func promote(_ child: Successor) {
        candidate = nil
        if let current {
            current.send(Link.yield)
            retired.append(current)
        } else {
            actions.yield()
        }
        current = child
        logger.notice("Another process answers from now on", metadata: ["process": "\(child.process)"])
        notifier.send(.ready("Serving"))
        if isReloadWanted, ownWorkHasEnded { reload() }
    }

    /// A child has ended.
    private func end(_ child: Successor) {
        let status = child.end()
        if candidate === child {
            candidate = nil
            if !isStopping { refuse(reason: "it ended with status \(status)") }
        } else if current === child {
            current = nil
            self.status = status
            if !isStopping {
                logger.critical("The process that answers has ended", metadata: ["status": "\(status)"])
                isStopping = true
            }
        } else {
            retired.removeAll { $0 === child }
            if isReloadWanted { reload() }
        }
        endIfNothingIsLeft()
    }

    /// The new process is none: everything stays as it is.
    private func refuse(reason: String) {
        logger.error("The new process is not ready; this one goes on", metadata: ["reason": "\(reason)"])
        notifier.send(.ready("Serving; the last reload failed"))
        if isReloadWanted { reload() }
    }

    private func endIfNothingIsLeft() {
        if isStopping, ownWorkHasEnded, children.isEmpty { ended.signal() }
    }
}
