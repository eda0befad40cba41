internal import CCurl
import Glibc

/// An address that libcurl is about to connect to, or is connected to: 4 or 16 bytes in network order, and the port.
public struct CurlPeer: Sendable, Equatable {
    public let address: [UInt8]
    public let port: UInt16

    /// Nil for anything but an Internet address.
    init?(_ address: UnsafePointer<sockaddr>, length: UInt32) {
        switch unsafe Int32(address.pointee.sa_family) {
        case AF_INET where length >= UInt32(MemoryLayout<sockaddr_in>.size):
            self = unsafe address.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
                unsafe CurlPeer(bytesOf: $0.pointee.sin_addr, port: $0.pointee.sin_port)
            }
        case AF_INET6 where length >= UInt32(MemoryLayout<sockaddr_in6>.size):
            self = unsafe address.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) {
                unsafe CurlPeer(bytesOf: $0.pointee.sin6_addr, port: $0.pointee.sin6_port)
            }
        default: return nil
        }
    }

    /// From the text that libcurl has of a connection; nil when it is no address.
    init?(text: UnsafePointer<CChar>, port: Int32) {
        guard let port = UInt16(exactly: port) else { return nil }
        var v4 = in_addr()
        var v6 = in6_addr()
        if unsafe inet_pton(AF_INET, text, &v4) == 1 {
            self.init(bytesOf: v4, port: port.bigEndian)
        } else if unsafe inet_pton(AF_INET6, text, &v6) == 1 {
            self.init(bytesOf: v6, port: port.bigEndian)
        } else {
            return nil
        }
    }

    private init<Address>(bytesOf address: Address, port: in_port_t) {
        self.address = unsafe withUnsafeBytes(of: address) { unsafe Array($0) }
        self.port = UInt16(bigEndian: port)
    }
}
