import Glibc
import ProxyCore

/// The addresses that the system knows of a host, as libcurl will ask for them too.
enum SystemResolver {
    /// In the system's order (RFC 6724); none when there are none. Blocks for as long as the system likes.
    static func addresses(of host: SourceURL.Host) -> [IPAddress] {
        switch host {
        case .address(let address): [address]
        case .name(let name): addresses(of: name)
        }
    }

    private static func addresses(of name: String) -> [IPAddress] {
        var hints = unsafe addrinfo()
        unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        guard unsafe getaddrinfo(name, nil, &hints, &list) == 0 else { return [] }
        defer { unsafe freeaddrinfo(list) }
        var addresses: [IPAddress] = []
        var next = unsafe list
        while let entry = unsafe next {
            if let address = unsafe address(entry.pointee) { addresses.append(address) }
            unsafe next = entry.pointee.ai_next
        }
        return addresses
    }

    private static func address(_ entry: addrinfo) -> IPAddress? {
        guard let address = unsafe entry.ai_addr else { return nil }
        switch unsafe Int32(address.pointee.sa_family) {
        case AF_INET where unsafe entry.ai_addrlen >= socklen_t(MemoryLayout<sockaddr_in>.size):
            return unsafe address.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
                unsafe withUnsafeBytes(of: $0.pointee.sin_addr) { unsafe IPAddress(bytes: Array($0)) }
            }
        case AF_INET6 where unsafe entry.ai_addrlen >= socklen_t(MemoryLayout<sockaddr_in6>.size):
            return unsafe address.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) {
                unsafe withUnsafeBytes(of: $0.pointee.sin6_addr) { unsafe IPAddress(bytes: Array($0)) }
            }
        default: return nil
        }
    }
}
