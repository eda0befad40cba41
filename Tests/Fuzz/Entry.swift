import Glibc

/// What libFuzzer calls with each input; the value means nothing.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    unsafe target(Array(UnsafeBufferPointer(start: start, count: count)))
    return 0
}

/// One way into the program, chosen by `IMAGE_PROXY_FUZZ_TARGET`: a process fuzzes one of them, since libFuzzer's corpus is of
/// one kind.
nonisolated(unsafe) private let target: ([UInt8]) -> Void = {
    let name = unsafe getenv("IMAGE_PROXY_FUZZ_TARGET").map { unsafe String(cString: $0) } ?? ""
    guard let target = FuzzTarget(rawValue: name) else {
        fatalError("IMAGE_PROXY_FUZZ_TARGET is one of \(FuzzTarget.allCases.map(\.rawValue))")
    }
    return target.run
}()
