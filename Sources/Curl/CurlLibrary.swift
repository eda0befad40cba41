internal import CCurl
import Glibc
import Synchronization

/// libcurl, loaded and initialised once in a process, when the first transfer is made.
@safe final class CurlLibrary: Sendable {
    nonisolated(unsafe) let api: UnsafePointer<curl_api>
    private let share: CurlShare

    private static let loaded = Mutex<CurlLibrary?>(nil)

    /// Loads libcurl on first use, on whatever thread that is. A failure is not remembered: it may have been for want of
    /// a descriptor. The lock is held meanwhile, since everyone who comes waits for the same thing.
    static func load() throws(CurlError) -> CurlLibrary {
        try loaded.withLock { (loaded) throws(CurlError) in
            if let library = loaded { return library }
            let library = try CurlLibrary()
            loaded = library
            return library
        }
    }

    private init() throws(CurlError) {
        let api = UnsafeMutablePointer<curl_api>.allocate(capacity: 1)
        guard unsafe curl_api_load(api) == 0, unsafe api.pointee.global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK
        else {
            let reason = unsafe curl_api_error().map { unsafe String(cString: $0) } ?? "libcurl cannot be initialised"
            unsafe api.deallocate()
            throw .unavailable(reason)
        }
        unsafe self.api = UnsafePointer(api)
        share = try unsafe CurlShare(UnsafePointer(api))
    }

    var shareHandle: UnsafeMutableRawPointer { unsafe share.handle }
}

/// What all transfers of the process share: DNS answers and TLS sessions. Not connections, which libcurl cannot share
/// between threads.
///
/// Sendable: libcurl calls the two lock functions around every use of what is shared.
@safe private final class CurlShare: @unchecked Sendable {
    let handle: UnsafeMutableRawPointer
    /// One for each `curl_lock_data`; `curl_lock_data` ends with `CURL_LOCK_DATA_LAST`.
    private let locks: UnsafeMutablePointer<pthread_mutex_t>

    init(_ api: UnsafePointer<curl_api>) throws(CurlError) {
        let count = Int(CURL_LOCK_DATA_LAST.rawValue)
        unsafe locks = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: count)
        for index in 0..<count { unsafe pthread_mutex_init(locks + index, nil) }
        guard let handle = unsafe api.pointee.share_init() else { throw .unavailable("curl_share_init") }
        unsafe self.handle = handle
        unsafe curl_share_set_locks(api, handle, lockShared, unlockShared, locks)
        for data in [CURL_LOCK_DATA_DNS, CURL_LOCK_DATA_SSL_SESSION] {
            unsafe curl_share_set_long(api, handle, CURLSHOPT_SHARE, Int(data.rawValue))
        }
    }
}

private func lockShared(
    _: UnsafeMutableRawPointer?, _ data: curl_lock_data, _: curl_lock_access, _ context: UnsafeMutableRawPointer?
) {
    guard let locks = unsafe context?.assumingMemoryBound(to: pthread_mutex_t.self) else { return }
    unsafe pthread_mutex_lock(locks + Int(data.rawValue))
}

private func unlockShared(
    _: UnsafeMutableRawPointer?, _ data: curl_lock_data, _ context: UnsafeMutableRawPointer?
) {
    guard let locks = unsafe context?.assumingMemoryBound(to: pthread_mutex_t.self) else { return }
    unsafe pthread_mutex_unlock(locks + Int(data.rawValue))
}
