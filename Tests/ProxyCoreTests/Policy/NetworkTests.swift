import Testing

@testable import ProxyCore

@Suite struct NetworkTests {
    @Test(
        "CIDR notation is read, host bits cleared",
        arguments: [
            ("10.0.0.0/8", "10.0.0.0/8"), ("192.168.1.7/24", "192.168.1.0/24"), ("0.0.0.0/0", "0.0.0.0/0"),
            ("127.0.0.1", "127.0.0.1/32"), ("255.255.255.255/1", "128.0.0.0/1"), ("::/0", "::/0"), ("::1", "::1/128"),
            ("fd00::1/8", "fd00::/8"), ("2001:db8:ffff::/33", "2001:db8:8000::/33"),
            ("::ffff:10.0.0.1/104", "::ffff:10.0.0.0/104"),
        ])
    func reads(_ text: String, _ canonical: String) {
        #expect(Network(text)?.description == canonical)
    }

    @Test(
        "nonsense is refused",
        arguments: [
            "", "/", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/08", "10.0.0.0/-1", "10.0.0.0/+8", "10.0.0.0/8/8",
            "10/8",
            "10.0.0.0/255.0.0.0", "::/129", "::/", "[::]/0", "10.0.0.0 /8", "10.0.0.0/8 ", "a/8",
            "10.0.0.0/99999999999999999999",
        ])
    func refuses(_ text: String) {
        #expect(Network(text) == nil)
    }

    @Test(
        "membership ends at the edges",
        arguments: [
            ("10.0.0.0/8", "10.255.255.255", true), ("10.0.0.0/8", "11.0.0.0", false),
            ("10.0.0.0/8", "9.255.255.255", false),
            ("0.0.0.0/0", "255.255.255.255", true), ("10.0.0.1/32", "10.0.0.1", true),
            ("10.0.0.1/32", "10.0.0.0", false),
            ("fd00::/8", "fdff::1", true), ("fd00::/8", "fe00::", false), ("fd00::/8", "fc00::", false),
            ("::/0", "ffff::", true), ("::/0", "10.0.0.1", false), ("0.0.0.0/0", "2000::1", false),
            // Only a mapped address is dialled as the IPv4 address it holds.
            ("10.0.0.0/8", "::ffff:10.1.2.3", true), ("10.0.0.0/8", "::ffff:11.0.0.0", false),
            ("10.0.0.0/8", "::10.1.2.3", false),
            ("10.0.0.0/8", "64:ff9b::10.1.2.3", false), ("10.0.0.0/8", "2002:a01:203::", false),
            ("::ffff:0:0/96", "10.0.0.1", false),
        ])
    func membership(_ network: String, _ address: String, _ isMember: Bool) throws {
        #expect(try #require(Network(network)).contains(#require(IPAddress(address))) == isMember)
    }

    @Test(
        "an exception is a network and perhaps a port",
        arguments: [
            ("10.0.0.0/8", "10.0.0.0/8"), ("127.0.0.1/32:8080", "127.0.0.1/32:8080"),
            ("127.0.0.1:8080", "127.0.0.1/32:8080"),
            ("127.0.0.1", "127.0.0.1/32"), ("fd00::/8", "fd00::/8"), ("fd00::/8:443", "fd00::/8:443"),
            ("[fd00::]/8:443", "fd00::/8:443"), ("[fd00::]/8", "fd00::/8"), ("[::1]:8080", "::1/128:8080"),
            ("[::1]", "::1/128"),
            ("::1", "::1/128"), ("::1:8080", "::1:8080/128"), ("0.0.0.0/0:1", "0.0.0.0/0:1"),
            ("::/0:65535", "::/0:65535"),
        ])
    func exceptions(_ text: String, _ canonical: String) {
        let exception = AllowedNetwork(text)
        #expect(exception?.description == canonical)
        #expect(AllowedNetwork(canonical) == exception)
    }

    @Test(
        "an exception that could be misread is refused",
        arguments: [
            "", ":", ":80", "/8:80", "10.0.0.0/8:", "10.0.0.0/8:0", "10.0.0.0/8:080", "10.0.0.0/8:65536",
            "10.0.0.0/8:x",
            "10.0.0.0/8:80:80", "10.0.0.0:80/8", "[10.0.0.0]/8", "[10.0.0.0]:80", "[::1", "::1]", "[::1]2", "[::1]8080",
            "[::1]/128:", "[::1]/:80", "[]", "[]:80", "[]/8", "[fd00::/8]:443", "[[::1]]", "localhost:80", "*",
            "10.0.0.0/8 :80",
            "fd00::/8:443:1", "[::1%lo]:80",
        ])
    func refusedExceptions(_ text: String) {
        #expect(AllowedNetwork(text) == nil)
    }
}
