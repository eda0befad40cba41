import Foundation
import Glibc
import Synchronization
import Testing

/// Runs `body` with each number below `count` at the same time, on threads of their own: what blocks must hold up no other
/// test. What any of them throws is an issue.
func onThreads(_ count: Int, _ body: @escaping @Sendable (Int) throws -> Void) throws {
    let failures = Mutex<[String]>([])
    let threads = (0..<count).map { number in
        let thread = Thread {
            do { try body(number) } catch { failures.withLock { $0.append("\(error)") } }
        }
        thread.start()
        return thread
    }
    while threads.contains(where: { !$0.isFinished }) { usleep(2000) }
    #expect(failures.withLock { $0 } == [])
}
