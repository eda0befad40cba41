internal import CCurl
import Glibc

// What libcurl calls. Each checks what it was given, recovers the transfer, which `perform` keeps alive, and makes one call.

private func transfer(_ context: UnsafeMutableRawPointer?) -> CurlTransfer? {
    guard let context = unsafe context else { return nil }
    return unsafe Unmanaged<CurlTransfer>.fromOpaque(context).takeUnretainedValue()
}

func receiveBody(
    _ bytes: UnsafeMutablePointer<CChar>?, _ size: Int, _ count: Int, _ context: UnsafeMutableRawPointer?
) -> Int {
    guard let bytes = unsafe bytes, let transfer = unsafe transfer(context) else { return 0 }
    let received = unsafe UnsafeRawBufferPointer(start: bytes, count: size * count)
    return unsafe transfer.receive(body: received.bytes) ? received.count : 0
}

func receiveHeader(
    _ bytes: UnsafeMutablePointer<CChar>?, _ size: Int, _ count: Int, _ context: UnsafeMutableRawPointer?
) -> Int {
    guard let bytes = unsafe bytes, let transfer = unsafe transfer(context) else { return 0 }
    let received = unsafe UnsafeRawBufferPointer(start: bytes, count: size * count)
    let line = unsafe Span<UInt8>(_bytes: received.bytes)
    return transfer.receive(header: line) ? received.count : 0
}

/// Called with each resolved address before it is dialled: the one place where a check cannot be too early.
func openSocket(
    _ context: UnsafeMutableRawPointer?, _ purpose: curlsocktype, _ address: UnsafeMutablePointer<curl_sockaddr>?
) -> curl_socket_t {
    guard let address = unsafe address, let transfer = unsafe transfer(context), purpose == CURLSOCKTYPE_IPCXN else {
        return -1
    }
    // `addr` is as long as `addrlen` says, which is longer than its type for IPv6: so by its place, not by its value.
    guard let offset = MemoryLayout<curl_sockaddr>.offset(of: \.addr) else { return -1 }
    let resolved = unsafe (UnsafeRawPointer(address) + offset).assumingMemoryBound(to: sockaddr.self)
    let peer = unsafe CurlPeer(resolved, length: address.pointee.addrlen)
    guard transfer.admits(peer) else { return -1 }
    return unsafe transfer.open(address.pointee.family, address.pointee.socktype, address.pointee.protocol)
}

/// Called before a request is sent, also on a connection that was made for another one.
func judgePeer(
    _ context: UnsafeMutableRawPointer?, _ peer: UnsafeMutablePointer<CChar>?, _: UnsafeMutablePointer<CChar>?,
    _ peerPort: Int32, _: Int32
) -> Int32 {
    guard let peer = unsafe peer, let transfer = unsafe transfer(context) else { return CURL_PREREQFUNC_ABORT }
    return unsafe transfer.admits(CurlPeer(text: peer, port: peerPort)) ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT
}
