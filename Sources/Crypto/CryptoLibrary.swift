internal import COpenSSL
import Synchronization

/// libcrypto, loaded once in a process, when it is first needed.
///
/// `@safe`: the table is filled before anybody sees it, is never written again, and lives as long as the process.
@safe final class CryptoLibrary: Sendable {
    nonisolated(unsafe) let api: UnsafePointer<crypto_api>

    private static let loaded = Mutex<CryptoLibrary?>(nil)

    /// Loads libcrypto on first use, on whatever thread that is. A failure is not remembered: it may have been for want of
    /// a descriptor.
    static func load() throws(CryptoError) -> CryptoLibrary {
        try loaded.withLock { (loaded) throws(CryptoError) in
            if let library = loaded { return library }
            let library = try CryptoLibrary()
            loaded = library
            return library
        }
    }

    private init() throws(CryptoError) {
        let api = UnsafeMutablePointer<crypto_api>.allocate(capacity: 1)
        guard unsafe crypto_api_load(api) == 0 else {
            let reason = unsafe crypto_api_error().map { unsafe String(cString: $0) } ?? "libcrypto cannot be loaded"
            unsafe api.deallocate()
            throw .unavailable(reason)
        }
        unsafe self.api = UnsafePointer(api)
    }
}
