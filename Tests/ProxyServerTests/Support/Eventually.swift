import Glibc

/// Asks until the answer is true: what is waited for takes half a second. False after a minute.
func eventually(_ question: () throws -> Bool) rethrows -> Bool {
    let end = ContinuousClock.now + .seconds(60)
    while ContinuousClock.now < end {
        if try question() { return true }
        usleep(5_000)
    }
    return false
}
